"""Tensors that are other tensors seen in another order, scaled or widened: where their elements lie in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.tensor.structured import input_count

_CONVERSIONS = ("arith.truncf", "arith.extf")


@dataclass(frozen=True)
class View:
    """Element ``(i, j, ...)`` is ``factor`` times that of ``base`` at ``offset + i * strides[0] + ...``.

    Attributes:
        base: the tensor in memory, row by row.
        sizes, strides: of each axis, strides in elements of ``base``; 0 where an axis repeats elements.
        ops: what makes the view from ``base``, in program order.
    """

    base: ir.Value
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    factor: float = 1.0
    ops: tuple[ir.Operation, ...] = ()


def view_of(value: ir.Value) -> View | None:
    """How ``value`` is seen in memory; None where its sizes are dynamic."""
    kind = ir.RankedTensorType(value.type)
    if not kind.has_static_shape:
        return None
    made = _made(value)
    if made is not None:
        return made
    sizes = tuple(int(size) for size in kind.shape)
    return View(value, sizes, tuple(prod(sizes[axis + 1 :]) for axis in range(len(sizes))))


def _made(value: ir.Value) -> View | None:
    """The view that an operation makes of its operand's, None where it does something else."""
    if not isinstance(value, ir.OpResult):
        return None
    op = value.owner.operation
    if op.name in ("tensor.expand_shape", "tensor.collapse_shape", "tensor.extract_slice"):
        before = view_of(op.operands[0])
        if before is None:
            return None
        made = _slice(op, before) if op.name == "tensor.extract_slice" else _reshape(op, before)
    elif op.name == "linalg.generic":
        made = _elementwise(op)
    else:
        return None
    return None if made is None else replace(made, ops=(*made.ops, op))


def _reshape(op: ir.Operation, before: View) -> View | None:
    groups = [[int(axis.value) for axis in group] for group in op.attributes["reassociation"]]
    sizes = tuple(int(size) for size in ir.RankedTensorType(op.results[0].type).shape)
    strides: list[int] = []
    for number, group in enumerate(groups):
        if op.name == "tensor.expand_shape":
            inner = [prod(sizes[axis] for axis in group[place + 1 :]) for place in range(len(group))]
            strides += [before.strides[number] * step for step in inner]
            continue
        walked = [axis for axis in group if before.sizes[axis] != 1] or group[-1:]
        steps = [(before.sizes[axis], before.strides[axis]) for axis in walked]
        if any(one != size * step for (_, one), (size, step) in pairwise(steps)):
            return None
        strides.append(steps[-1][1])
    return replace(before, sizes=sizes, strides=tuple(strides))


def _slice(op: ir.Operation, before: View) -> View | None:
    parts = [list(ir.DenseI64ArrayAttr(op.attributes[f"static_{name}"])) for name in ("offsets", "sizes", "strides")]
    marker = ir.ShapedType.get_dynamic_size()
    kind = ir.RankedTensorType(op.results[0].type)
    if any(marker in part for part in parts) or kind.rank != len(before.sizes):
        return None
    offsets, sizes, steps = parts
    offset = before.offset + sum(place * stride for place, stride in zip(offsets, before.strides, strict=True))
    strides = tuple(step * stride for step, stride in zip(steps, before.strides, strict=True))
    return replace(before, sizes=tuple(sizes), strides=strides, offset=offset)


def _elementwise(op: ir.Operation) -> View | None:
    """A permutation, also widened or times a constant."""
    if input_count(op) != 1 or len(op.results) != 1 or not isinstance(op.operands[0].type, ir.RankedTensorType):
        return None
    into, out = (ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op))
    if out != ir.AffineMap.get_identity(out.n_dims):
        return None
    dims = [ir.AffineDimExpr(e).position if isinstance(e, ir.AffineDimExpr) else None for e in into.results]
    factor = _factor(op.regions[0].blocks[0])
    before = view_of(op.operands[0])
    if factor is None or before is None or None in dims or len(set(dims)) != len(dims):
        return None
    sizes = tuple(int(size) for size in ir.RankedTensorType(op.results[0].type).shape)
    strides = tuple(before.strides[dims.index(axis)] if axis in dims else 0 for axis in range(len(sizes)))
    return replace(before, sizes=sizes, strides=strides, factor=before.factor * factor)


def _factor(block: ir.Block) -> float | None:
    """What the body multiplies its number by; None where it does anything else but widen it."""
    factor = 1.0
    current = block.arguments[0]
    for view in block.operations:
        op = view.operation
        if op.name == "linalg.yield":
            return factor if op.operands[0] == current else None
        if op.name == "arith.extf" and op.operands[0] == current:
            current = op.results[0]
        elif op.name in _CONVERSIONS and constant(op.results[0]) is not None:
            continue
        elif op.name == "arith.mulf" and current in list(op.operands):
            other = op.operands[1 if op.operands[0] == current else 0]
            number = constant(other)
            if number is None:
                return None
            factor, current = factor * number, op.results[0]
        else:
            return None
    return None


def constant(value: ir.Value) -> float | None:
    """The floating-point number that ``value`` always is."""
    if isinstance(value.owner, ir.Block):
        return None
    op = value.owner.operation
    if op.name in _CONVERSIONS:
        return constant(op.operands[0])
    if op.name != "arith.constant":
        return None
    attribute = op.attributes["value"]
    return float(ir.FloatAttr(attribute).value) if isinstance(attribute, ir.FloatAttr) else None
