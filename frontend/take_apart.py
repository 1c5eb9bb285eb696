"""Operators in simpler ones by PyTorch's decompositions, in a module that did not come from ``torch.export``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.fx.experimental.symbolic_shapes import is_symbolic
from torch_mlir import ir

from stepwell.frontend.export import decompose, export_model
from stepwell.frontend.importer import import_program
from stepwell.frontend.isolate import Isolated, is_operator, isolate, lowers, operator_name
from stepwell.frontend.to_torch import to_torch
from stepwell.support.dtypes import known, of_element, torch_dtype
from stepwell.support.errors import Error
from stepwell.support.lowerings import find_lowering
from stepwell.support.walk import named, operations

_TENSOR = re.compile(r"!torch\.vtensor<\[([^\]]*)\],(\w+)>")
_SIZES = (5, 7, 11, 13, 17, 19, 23, 29)
"""What dynamic dimensions are in the example: no two alike, so that torch finds none equal by chance."""

UNSOUND = frozenset({"torch.aten.linalg_det"})
"""Operators that lower to something worse than PyTorch's decomposition: elimination without pivots."""

_SYMBOLS = frozenset({"torch.symbolic_int", "torch.bind_symbolic_shape"})


def take_apart(module: ir.Module) -> int:
    """Replace the operators of ``module`` that do not lower well by what PyTorch's decompositions make of them.

    Left are those for which a user has registered a lowering, those that take computed numbers or lists of tensors,
    whose sizes depend on values, and whose decomposition has control flow, or holds for the sizes of an example alone.

    Returns:
        How many were replaced.
    """
    replaced = 0
    known_forms: dict[str, str | None] = {}
    with module.context, ir.Location.unknown():
        for op in [op for op in operations(module.operation) if is_operator(op)]:
            alone = isolate(op)
            if alone is None or find_lowering(operator_name(op)) is not None:
                continue
            if alone.text not in known_forms:
                known_forms[alone.text] = _simpler(alone) if op.name in UNSOUND or not lowers(alone.text) else None
            form = known_forms[alone.text]
            if form is not None:
                _put(form, op, alone)
                replaced += 1
    return replaced


def _simpler(alone: Isolated) -> str | None:
    """A module that computes the same in operators that may lower; None where PyTorch knows none."""
    module = ir.Module.parse(alone.text)
    types = [str(value.type) for value in _block(module).arguments]
    example = _example(types)
    if example is None:
        return None
    try:
        exported = export_model(to_torch(module), example.tensors, None, example.dynamic)
        if _counts_elements(exported):
            return None
        program = import_program(decompose(exported), origin="an operator")
    except Error:
        return None
    functions = named(program.module.operation, "func.func")
    if len(functions) > 1 or [str(value.type) for value in _block(program.module).arguments] != types:
        return None
    if len(_returned(program.module)) != len(_returned(module)):  # numbers that torch takes for constants
        return None
    text: str = program.module.operation.get_asm()
    return text if lowers(text) else None


class _Example(NamedTuple):
    """Tensors to trace an operator with, and which of their sizes stay open."""

    tensors: tuple[torch.Tensor, ...]
    dynamic: tuple[dict[int, Any], ...]


def _example(types: Sequence[str]) -> _Example | None:
    """Of such types, None where one is no tensor or too many sizes are open."""
    if sum(text.count("?") for text in types) > len(_SIZES):
        return None
    free = iter(_SIZES)
    tensors, dynamic = [], []
    for text in types:
        found = _TENSOR.fullmatch(text)
        if found is None or not known(of_element(found[2])):
            return None
        sizes = found[1].split(",") if found[1] else []
        shape = [next(free) if size == "?" else int(size) for size in sizes]
        tensors.append(torch.empty(shape, dtype=torch_dtype(of_element(found[2]))))
        dynamic.append({dim: torch.export.Dim.AUTO for dim, size in enumerate(sizes) if size == "?"})
    return _Example(tuple(tensors), tuple(dynamic))


def _counts_elements(exported: torch.export.ExportedProgram) -> bool:
    """Whether a size depends on the values of tensors; such a size is tied to the operators around it."""
    values = [node.meta.get("val") for node in exported.graph.nodes]
    sizes = [size for value in values if isinstance(value, torch.Tensor) for size in tuple(value.shape)]
    symbols = [str(symbol) for size in sizes if is_symbolic(size) for symbol in size.node.expr.free_symbols]
    return any(symbol.startswith("u") for symbol in symbols)


def _block(module: ir.Module) -> ir.Block:
    return named(module.operation, "func.func")[0].regions[0].blocks[0]


def _returned(module: ir.Module) -> list[ir.Value]:
    return list(named(module.operation, "func.return")[0].operands)


def _put(form: str, op: ir.Operation, alone: Isolated) -> None:
    """The operations of ``form``'s function in place of ``op``."""
    module = ir.Module.parse(form)
    block = _block(module)
    values = dict(zip(block.arguments, alone.arguments, strict=True))
    with ir.InsertionPoint(op), op.location:
        for view in block.operations:
            inner = view.operation
            if inner.name == "func.return":
                results = [values[operand] for operand in inner.operands]
            elif inner.name not in _SYMBOLS:
                created = ir.Operation.create(
                    inner.name,
                    results=[result.type for result in inner.results],
                    operands=[values[operand] for operand in inner.operands],
                    attributes={name: inner.attributes[name] for name in inner.attributes},
                )
                values.update(zip(inner.results, created.results, strict=True))
        for result, value in zip(alone.last.results, results, strict=True):
            if value.type != result.type:
                value = ir.Operation.create(
                    "torch.tensor_static_info_cast", results=[result.type], operands=[value]
                ).result
            result.replace_all_uses_with(value)
    for done in dict.fromkeys((alone.last, op)):
        done.erase()
