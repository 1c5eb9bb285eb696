"""Sizes in the place of tensors: ``n - tensor`` of a dynamic size ``n``, which import would leave a number."""

from __future__ import annotations

import torch
from torch.export import ExportedProgram
from torch.fx import Node


def numbers_to_tensors(program: ExportedProgram) -> None:
    """Where an operator takes a tensor and is given a symbolic number, give it a tensor of rank 0; in place."""
    for node in list(program.graph.nodes):
        if not isinstance(node.target, torch._ops.OpOverload):
            continue
        for index, (operand, formal) in enumerate(zip(node.args, node.target._schema.arguments, strict=False)):
            if str(formal.type) == "Tensor" and isinstance(operand, Node) and _is_number(operand):
                with program.graph.inserting_before(node):
                    tensor = _tensor(program, operand)
                node.update_arg(index, tensor)


def _is_number(node: Node) -> bool:
    return isinstance(node.meta.get("val"), (torch.SymInt, torch.SymFloat))


def _tensor(program: ExportedProgram, number: Node) -> Node:
    value = number.meta["val"]
    dtype = torch.int64 if isinstance(value, torch.SymInt) else torch.float64
    node: Node = program.graph.call_function(torch.ops.aten.full.default, ([], number), {"dtype": dtype})
    mode = next(v.fake_mode for n in program.graph.nodes if hasattr(v := n.meta.get("val"), "fake_mode"))
    with mode:
        node.meta["val"] = torch.full([], 0, dtype=dtype)
    node.meta.update({name: number.meta[name] for name in ("stack_trace", "nn_module_stack") if name in number.meta})
    return node
