"""Users' own operators of a graph and what they decompose into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from stepwell.support.lowerings import find_lowering


def custom_decompositions(exported: ExportedProgram) -> dict[Any, Callable[..., Any]]:
    """Operator overload -> the decomposition that was registered for it, of operators in ``exported``."""
    graphs = [module for module in exported.graph_module.modules() if isinstance(module, GraphModule)]
    targets = {node.target for graph in graphs for node in graph.graph.nodes if node.op == "call_function"}
    found: dict[Any, Callable[..., Any]] = {}
    for target in targets:
        if isinstance(target, torch._ops.OpOverload):
            lowering = find_lowering(str(target).removesuffix(".default"))
            if lowering is not None and lowering.level == "graph":
                found[target] = lowering.function
    return found
