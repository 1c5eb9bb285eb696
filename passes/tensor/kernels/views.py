"""Tensors that are other tensors seen in another order, scaled or widened: where their elements lie in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.tensor.attention.cone import groups_of
from stepwell.passes.tensor.kernels.extents import NONE, ONE, Extent, product, sizes_of
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
    sizes: tuple[Extent, ...]
    strides: tuple[Extent, ...]
    offset: int = 0
    factor: float = 1.0
    ops: tuple[ir.Operation, ...] = ()


def view_of(value: ir.Value) -> View:
    """How ``value`` is seen in memory."""
    made = _made(value)
    if made is not None:
        return made
    sizes = sizes_of(value)
    return View(value, sizes, tuple(product(sizes[axis + 1 :]) for axis in range(len(sizes))))


def _made(value: ir.Value) -> View | None:
    """The view that an operation makes of its operand's, None where it does something else."""
    if not isinstance(value, ir.OpResult):
        return None
    op = value.owner.operation
    if op.name == "tensor.expand_shape":
        made: View | None = _expand(op, view_of(op.operands[0]))
    elif op.name == "tensor.collapse_shape":
        made = _collapse(op, view_of(op.operands[0]))
    elif op.name == "tensor.extract_slice":
        made = _slice(op, view_of(op.operands[0]))
    elif op.name == "linalg.generic":
        made = _elementwise(op)
    else:
        return None
    return None if made is None else replace(made, ops=(*made.ops, op))


def _expand(op: ir.Operation, before: View) -> View:
    sizes, strides = list(sizes_of(op.results[0])), []
    for size, stride, group in zip(before.sizes, before.strides, groups_of(op), strict=True):
        long = [axis for axis in group if sizes[axis] != ONE]
        if len(long) == 1:
            sizes[long[0]] = size
        strides += [stride * product(sizes[axis] for axis in group[place + 1 :]) for place in range(len(group))]
    return replace(before, sizes=tuple(sizes), strides=tuple(strides))


def _collapse(op: ir.Operation, before: View) -> View | None:
    sizes, strides = [], []
    for group in groups_of(op):
        walked = [axis for axis in group if before.sizes[axis] != ONE] or group[-1:]
        steps = [(before.sizes[axis], before.strides[axis]) for axis in walked]
        if any(one != size * step for (_, one), (size, step) in pairwise(steps)):
            return None
        sizes.append(product(size for size, _ in steps))
        strides.append(steps[-1][1] if steps else ONE)
    return replace(before, sizes=tuple(sizes), strides=tuple(strides))


def _slice(op: ir.Operation, before: View) -> View | None:
    offsets, steps = (list(ir.DenseI64ArrayAttr(op.attributes[f"static_{name}"])) for name in ("offsets", "strides"))
    marker = ir.ShapedType.get_dynamic_size()
    sizes = sizes_of(op.results[0])
    if marker in (*offsets, *steps) or len(sizes) != len(before.sizes):
        return None
    moved = [(Extent(place) * stride).known for place, stride in zip(offsets, before.strides, strict=True)]
    if None in moved:
        return None
    offset = before.offset + sum(distance for distance in moved if distance is not None)
    strides = tuple(Extent(step) * stride for step, stride in zip(steps, before.strides, strict=True))
    return replace(before, sizes=sizes, strides=strides, offset=offset)


def _elementwise(op: ir.Operation) -> View | None:
    """A permutation or repetition, also widened or times a constant."""
    if input_count(op) != 1 or len(op.results) != 1 or not isinstance(op.operands[0].type, ir.RankedTensorType):
        return None
    into, out = (ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op))
    if out != ir.AffineMap.get_identity(out.n_dims):
        return None
    axes = {e.position: axis for axis, e in enumerate(into.results) if isinstance(e, ir.AffineDimExpr)}
    single = [e for e in into.results if isinstance(e, ir.AffineConstantExpr) and e.value == 0]
    factor = factor_of(op.regions[0].blocks[0])
    if factor is None or len(axes) + len(single) != len(into.results):
        return None
    before = view_of(op.operands[0])
    sizes = [before.sizes[axes[dim]] if dim in axes else size for dim, size in enumerate(sizes_of(op.results[0]))]
    strides = [before.strides[axes[dim]] if dim in axes else NONE for dim in range(out.n_dims)]
    return replace(before, sizes=tuple(sizes), strides=tuple(strides), factor=before.factor * factor)


def factor_of(block: ir.Block) -> float | None:
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
