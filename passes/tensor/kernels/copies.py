"""Copies of tensors, made by a kernel where the program names memory that nothing else writes."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg

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


def store_returned(end: ir.Operation) -> None:
    """Let a kernel write the constants and fills that ``end`` returns: kernels only make those that they read."""
    made: dict[ir.Value, ir.Value] = {}
    for number, value in enumerate(end.operands):
        if value not in made and _is_start(value):
            with ir.InsertionPoint(end), end.location:
                made[value] = copied(value)
        if value in made:
            end.operands[number] = made[value]


def _is_start(value: ir.Value) -> bool:
    """Whether no memory is behind ``value``, itself or seen in another shape."""
    if isinstance(value.owner, ir.Block):
        return False
    op = value.owner.operation
    if op.name in (*RESHAPES, "tensor.cast"):
        return _is_start(op.operands[0])
    return op.name == "arith.constant" or is_fill(op)


def _splat(value: ir.Value) -> ir.Attribute | None:
    """The number that a constant tensor is full of."""
    if isinstance(value.owner, ir.Block) or value.owner.operation.name != "arith.constant":
        return None
    elements = value.owner.operation.attributes["value"]
    splat = isinstance(elements, ir.DenseElementsAttr) and elements.is_splat
    return elements.get_splat_value() if splat else None
