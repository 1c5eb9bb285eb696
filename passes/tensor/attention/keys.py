"""Which dimension of each operation runs over the keys, and which keys the weights of a block end at."""

from __future__ import annotations

import math

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.tensor.attention.cone import RESHAPES, Cone, groups_of, maps_of, operand_labels, source_labels
from stepwell.passes.tensor.attention.labels import KEYS, ROWS, Label, Labels, UnnamedError
from stepwell.passes.tensor.attention.softmax import (
    Softmax,
    constant,
    difference_of,
    input_of,
    is_made_by,
    is_stable,
    source_of,
)
from stepwell.passes.tensor.structured import input_count, loops_of

_Axis = tuple[ir.Value, int]
_FLIPPED = {"sge": "sle", "sgt": "slt", "uge": "ule", "ugt": "ult"}


def label_keys(cone: Cone) -> None:
    """Note for each operation of ``cone`` which of its dimensions runs over what the last product reduces."""
    loops = loops_of(cone.final)
    reduced_dims = [dim for dim, loop in enumerate(loops) if not loop.parallel and loop.size != 1]
    if len(reduced_dims) != 1:
        return
    cone.keys[cone.final.results[0]] = reduced_dims[0]
    weights = cone.final.operands[cone.weights]
    found = {(weights, axis) for axis in _axes(maps_of(cone.final)[cone.weights], reduced_dims[0])}
    before = 0
    while len(found) != before:
        before = len(found)
        for op in cone.members:
            found |= _beside(cone, op, found)


def closed_after(cone: Cone, softmax: Softmax) -> int | None:
    """The ``n`` for which keys behind a row's own number plus ``n`` have no weight whatever the scores; None if none.

    So it is where scores are replaced by -inf by comparing the numbers of key and row, as causal attention does.
    """
    op = softmax.exponentials.owner.operation
    difference = difference_of(op)
    if difference is None or op.results[0] not in cone.keys or not is_stable(cone, softmax):
        return None
    return _end_of(cone, op, difference.operands[0])


def _end_of(cone: Cone, op: ir.Operation, score: ir.Value) -> int | None:
    position = input_of(op, score)
    if position is not None:
        made = source_of(op.operands[position]).owner
        if isinstance(made, ir.Block) or not cone.holds(op.operands[position]) or made.operation in cone.scores:
            return None
        inner = made.operation
        if inner.name != "linalg.generic" or not all(loop.parallel for loop in loops_of(inner)):
            return None
        return _end_of(cone, inner, list(inner.regions[0].blocks[0].operations)[-1].operation.operands[0])
    if not is_made_by(score, "arith.select"):
        return None
    condition, kept, closed = score.owner.operation.operands
    if constant(closed) != -math.inf:
        return None
    end = end_where(cone, op, condition)
    return end if end is not None else _end_of(cone, op, kept)


def end_where(cone: Cone, op: ir.Operation, condition: ir.Value) -> int | None:
    """The ``n`` for which ``condition``, in the body of ``op``, is false for keys behind a row's number plus ``n``."""
    if is_made_by(condition, "arith.andi"):
        ends = [end_where(cone, op, part) for part in condition.owner.operation.operands]
        return min((end for end in ends if end is not None), default=None)
    if not is_made_by(condition, "arith.cmpi"):
        return None
    comparison = condition.owner.operation
    key, row = comparison.operands
    predicate = arith.CmpIPredicate(ir.IntegerAttr(comparison.attributes["predicate"]).value).name
    if predicate in _FLIPPED:
        predicate, key, row = _FLIPPED[predicate], row, key
    if predicate not in ("sle", "slt"):
        return None
    first, second = _count(cone, op, key), _count(cone, op, row)
    if first is None or second is None or (first[0], second[0]) != (KEYS, ROWS):
        return None
    end = second[1] - first[1] - (predicate == "slt")
    return end if end >= 0 else None


def _count(cone: Cone, op: ir.Operation, argument: ir.Value) -> tuple[Label, int] | None:
    """What ``argument`` counts, and the number that it starts from; None where it is no count of keys or rows."""
    position = input_of(op, argument)
    if position is None:
        return None
    value, labels = op.operands[position], operand_labels(op.operands[position], maps_of(op)[position], cone.dims(op))
    while isinstance(value, ir.OpResult) and value.owner.operation.name in RESHAPES:
        try:
            labels = source_labels(value.owner.operation, labels)
        except UnnamedError:
            return None
        value = value.owner.operation.operands[0]
    if not is_made_by(value, "linalg.generic") or input_count(value.owner.operation):
        return None
    return _counted(value.owner.operation, labels)


def _counted(op: ir.Operation, labels: Labels) -> tuple[Label, int] | None:
    number = list(op.regions[0].blocks[0].operations)[-1].operation.operands[0]
    start = 0
    if is_made_by(number, "arith.addi"):
        number, offset = number.owner.operation.operands
        if not is_made_by(offset, "arith.constant"):
            return None
        start = ir.IntegerAttr(offset.owner.operation.attributes["value"]).value
    if not is_made_by(number, "arith.index_cast") or not is_made_by(number.owner.operation.operands[0], "linalg.index"):
        return None
    dim = ir.IntegerAttr(number.owner.operation.operands[0].owner.operation.attributes["dim"]).value
    axes = _axes(maps_of(op)[-1], dim)
    return (labels[axes[0]], start) if axes else None


def _beside(cone: Cone, op: ir.Operation, found: set[_Axis]) -> set[_Axis]:
    """The axes that ``op`` walks through together with those in ``found``."""
    result = op.results[0]
    if op.name in RESHAPES:
        source = op.operands[0]
        narrow, wide = (result, source) if op.name == "tensor.collapse_shape" else (source, result)
        pairs = [
            ((narrow, axis), (wide, part)) for axis, group in enumerate(groups_of(op)) for part in _long(wide, group)
        ]
        return {place for pair in pairs if found & set(pair) for place in pair}
    places = [
        (dim, (value, axis))
        for value, indexing in zip([*list(op.operands)[: input_count(op)], result], maps_of(op), strict=True)
        if value == result or cone.holds(value)
        for dim in range(indexing.n_dims)
        for axis in _axes(indexing, dim)
    ]
    dims = {dim for dim, place in places if place in found}
    if len(dims) == 1:
        cone.keys[result] = dims.pop()
    return {place for dim, place in places if dim == cone.keys.get(result)}


def _long(value: ir.Value, group: list[int]) -> list[int]:
    """The one axis of a group that is longer than 1; empty where there are more."""
    shape = ir.RankedTensorType(value.type).shape
    long = [axis for axis in group if shape[axis] != 1]
    return long if len(long) == 1 else []


def _axes(indexing: ir.AffineMap, dim: int) -> list[int]:
    return [axis for axis, result in enumerate(indexing.results) if result == ir.AffineDimExpr.get(dim)]
