"""Copies of tensors, made by a kernel where the program names memory that nothing else writes."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith, func, linalg

from stepwell.passes.buffer.entry import arguments, result_marks, return_op, state_name
from stepwell.passes.tensor.attention.cone import RESHAPES
from stepwell.passes.tensor.build import empty, sizes_of
from stepwell.passes.tensor.kernels.fills import is_fill


def copied(value: ir.Value) -> ir.Value:
    """A tensor like ``value``; one number throughout is written as such, as a copy of a constant folds to it."""
    kind = ir.RankedTensorType(value.type)
    same = ir.AffineMapAttr.get(ir.AffineMap.get_identity(kind.rank))
    iterators = ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * kind.rank)
    target = empty(sizes_of(value), kind.element_type)
    number = _splat(value)
    sources = [] if number is not None else [value]
    made = linalg.GenericOp([kind], sources, [target], ir.ArrayAttr.get([same] * (len(sources) + 1)), iterators)
    body = made.regions[0].blocks.append(*[kind.element_type] * (len(sources) + 1))
    with ir.InsertionPoint(body):
        linalg.YieldOp([body.arguments[0] if number is None else arith.ConstantOp(kind.element_type, number).result])
    result: ir.Value = made.results[0]
    return result


def store_returned(entry: func.FuncOp) -> None:
    """Let a kernel write what ``entry`` returns and none computes.

    These are constants and fills, which kernels only make where they read them, and old values of states, given as
    results or as new values of other states: their memory is written before the entry is done.
    """
    end = return_op(entry)
    states = {argument.value: argument.name for argument in arguments(entry) if argument.kind == "state"}
    made: dict[tuple[ir.Value, str | None], ir.Value] = {}
    for number, mark in enumerate(result_marks(entry)):
        value = end.operands[number]
        base, goes_to = _seen(value), state_name(mark)
        old = base in states and states[base] != goes_to
        if not old and not _is_start(base):
            continue
        if (value, goes_to) not in made:  # each state's own, which can be written in its place
            with ir.InsertionPoint(end), end.location:
                made[value, goes_to] = copied(value)
        end.operands[number] = made[value, goes_to]


def _seen(value: ir.Value) -> ir.Value:
    """What ``value`` shows, maybe in another shape."""
    while isinstance(value, ir.OpResult) and value.owner.operation.name in (*RESHAPES, "tensor.cast"):
        value = value.owner.operation.operands[0]
    return value


def _is_start(value: ir.Value) -> bool:
    """Whether no memory is behind ``value``."""
    if isinstance(value.owner, ir.Block):
        return False
    return value.owner.operation.name == "arith.constant" or is_fill(value.owner.operation)


def _splat(value: ir.Value) -> ir.Attribute | None:
    """The number that a constant tensor is full of."""
    if isinstance(value.owner, ir.Block) or value.owner.operation.name != "arith.constant":
        return None
    elements = value.owner.operation.attributes["value"]
    splat = isinstance(elements, ir.DenseElementsAttr) and elements.is_splat
    return elements.get_splat_value() if splat else None
