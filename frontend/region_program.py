"""A part of an exported graph as an exported program of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.exported_program import ModuleCallEntry, ModuleCallSignature
from torch.export.graph_signature import (
    ExportGraphSignature,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
    SymBoolArgument,
    SymFloatArgument,
    SymIntArgument,
    TensorArgument,
)
from torch.fx import GraphModule, Node
from torch.utils import _pytree as pytree

_NUMBERS = {
    torch.SymInt: SymIntArgument, int: SymIntArgument,
    torch.SymFloat: SymFloatArgument, float: SymFloatArgument,
    torch.SymBool: SymBoolArgument, bool: SymBoolArgument,
}  # fmt: skip


@dataclass(frozen=True)
class Held:
    """Tensors that a graph's placeholders stand for, by placeholder: (name in the model, value).

    ``weights`` become parameters of a region, ``literals`` part of its code.
    """

    weights: Mapping[str, tuple[str, torch.Tensor]]
    literals: Mapping[str, tuple[str, torch.Tensor]]


def region_program(region: GraphModule, held: Held, ranges: Mapping[Any, Any]) -> ExportedProgram:
    """``region``, whose result is a tuple, as a program in decomposed form.

    Args:
        held: what placeholders stand for; all others are inputs, in order.
        ranges: the range of each symbol in its sizes.
    """
    graph = region.graph
    inputs = [_input(node, held) for node in graph.find_nodes(op="placeholder")]
    returned: tuple[Node, ...] = graph.output_node().args[0]  # type: ignore[assignment]
    outputs = [OutputSpec(OutputKind.USER_OUTPUT, _argument(node), None) for node in returned]
    free = [spec.arg for spec in inputs if spec.kind is InputKind.USER_INPUT]
    call = ModuleCallSignature(
        inputs=free,
        outputs=[spec.arg for spec in outputs],
        in_spec=pytree.tree_structure((tuple(range(len(free))), {})),
        out_spec=pytree.tree_structure(tuple(range(len(outputs)))),
    )
    return ExportedProgram(
        root=region,
        graph=graph,
        graph_signature=ExportGraphSignature(inputs, outputs),
        state_dict=dict(held.weights.values()),
        range_constraints=dict(ranges),
        module_call_graph=[ModuleCallEntry("", call)],
        constants=dict(held.literals.values()),
    )


def _input(node: Node, held: Held) -> InputSpec:
    argument = _argument(node)
    if node.name in held.weights:
        return InputSpec(InputKind.BUFFER, argument, held.weights[node.name][0], persistent=True)
    if node.name in held.literals:
        return InputSpec(InputKind.CONSTANT_TENSOR, argument, held.literals[node.name][0])
    return InputSpec(InputKind.USER_INPUT, argument, None)


def _argument(node: Node) -> Any:
    return _NUMBERS.get(type(node.meta.get("val")), TensorArgument)(name=node.name)
