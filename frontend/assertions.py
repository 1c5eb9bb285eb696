"""Assertions on tensors, which torch-mlir's import drops or refuses, as assertions on numbers, which it takes."""

from __future__ import annotations

from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node

aten, prims = torch.ops.aten, torch.ops.prims

_ASSERTIONS = (aten._assert_async.default, aten._assert_async.msg)
_EFFECTS = torch.ops.higher_order.with_effects
_TOKENS = (prims._sink_tokens.default, prims._make_token.default)
_UNNAMED = "assertion failed"
_KEPT = ("stack_trace", "nn_module_stack")


def assertions_on_numbers(program: ExportedProgram) -> None:
    """Let every assertion on a tensor of one element read its number; in place.

    Checks of what LAPACK reports about matrices are such assertions too. With the last of them go the tokens that keep
    effects in order; where there are other effects, all tokens stay.
    """
    for node in list(program.graph.nodes):
        if node.target in _ASSERTIONS:
            _assert(program, node, node.args[0], node.args[1] if len(node.args) > 1 else _UNNAMED)
            program.graph.erase_node(node)
        elif node.target is _EFFECTS and node.args[1] is aten._linalg_check_errors.default:
            _check(program, node)
    if not any(node.target is _EFFECTS for node in program.graph.nodes):
        _drop_tokens(program)


def _check(program: ExportedProgram, node: Node) -> None:
    """``with_effects(token, _linalg_check_errors, info, operator)``; its results are the next token and nothing."""
    token, _, info, operator = node.args[:4]
    assert isinstance(token, Node)
    with program.graph.inserting_before(node):
        is_zero = _call(program, node, aten.eq.Scalar, info, 0)
        sound = _call(program, node, aten.all.default, is_zero)
    _assert(program, node, sound, f"{operator}: a matrix is singular, or not positive definite")
    results = {user.name for user in node.users}
    for user in list(node.users):
        user.replace_all_uses_with(token)
        program.graph.erase_node(user)
    program.graph.erase_node(node)
    for spec in program.graph_signature.output_specs:
        if spec.arg.name in results:
            spec.arg.name = token.name


def _assert(program: ExportedProgram, node: Node, tensor: Any, message: Any) -> None:
    with program.graph.inserting_before(node):
        if tensor.meta["val"].dtype is not torch.bool:
            tensor = _call(program, node, aten.ne.Scalar, tensor, 0)
        number = program.graph.call_function(aten.Int.Tensor, (tensor,))
        check = program.graph.call_function(aten._assert_scalar.default, (number, message))
    number.meta["val"], check.meta["val"] = 1, None
    for made in (number, check):
        _place(made, node)


def _call(program: ExportedProgram, node: Node, target: Any, x: Any, *others: Any) -> Node:
    made: Node = program.graph.call_function(target, (x, *others))
    with x.meta["val"].fake_mode:
        made.meta["val"] = target(x.meta["val"], *others)
    _place(made, node)
    return made


def _place(made: Node, node: Node) -> None:
    made.meta.update({name: node.meta[name] for name in _KEPT if name in node.meta})


def _drop_tokens(program: ExportedProgram) -> None:
    for node in reversed(list(program.graph.nodes)):
        if node.target in _TOKENS:
            program.graph.erase_node(node)
    signature = program.graph_signature
    count = sum(spec.kind == OutputKind.TOKEN for spec in signature.output_specs)
    if count == 0:
        return
    output = program.graph.output_node()
    output.args = (tuple(output.args[0])[count:],)  # tokens come first
    signature.output_specs[:] = [spec for spec in signature.output_specs if spec.kind != OutputKind.TOKEN]
    names = {spec.arg.name for spec in signature.input_specs if spec.kind == InputKind.TOKEN}
    signature.input_specs[:] = [spec for spec in signature.input_specs if spec.kind != InputKind.TOKEN]
    for node in list(program.graph.nodes):
        if node.op == "placeholder" and node.name in names:
            program.graph.erase_node(node)
