"""Assertions on tensors, which torch-mlir's import drops, as assertions on numbers, which it takes."""

from __future__ import annotations

import torch
from torch.export import ExportedProgram
from torch.fx import Node

aten = torch.ops.aten

_ASSERTIONS = (aten._assert_async.default, aten._assert_async.msg)
_UNNAMED = "assertion failed"
_KEPT = ("stack_trace", "nn_module_stack")


def assertions_on_numbers(program: ExportedProgram) -> None:
    """Let every assertion on a tensor of one element read its number; in place."""
    for node in list(program.graph.nodes):
        if node.target in _ASSERTIONS:
            _replace(program, node)


def _replace(program: ExportedProgram, node: Node) -> None:
    tensor, message = node.args[0], node.args[1] if len(node.args) > 1 else _UNNAMED
    with program.graph.inserting_before(node):
        number = program.graph.call_function(aten._local_scalar_dense.default, (tensor,))
        check = program.graph.call_function(aten._assert_scalar.default, (number, message))
    for made in (number, check):
        made.meta.update({name: node.meta[name] for name in _KEPT if name in node.meta})
    number.meta["val"] = 1
    check.meta["val"] = None
    program.graph.erase_node(node)
