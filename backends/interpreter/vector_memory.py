"""Vectors to and from buffers and tensors: transfers, loads, stores, gathers, with masks and padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array
from stepwell.backends.interpreter.operands import segments
from stepwell.backends.interpreter.program import Builder
from stepwell.backends.interpreter.registry import Frame, Kernel, Step, kernel, step
from stepwell.backends.interpreter.vector import vector_shape
from stepwell.support.errors import ExecutionError


class Transfer:
    """Where the lanes of a vector transfer lie in its base.

    Each lane dimension follows one dimension of the base (through the permutation map) or is a broadcast.
    """

    def __init__(self, op: ir.Operation, shape: tuple[int, ...]) -> None:
        self.name = op.name
        self.shape = shape
        map_ = op.attributes["permutation_map"].value
        self.dims: list[int | None] = [
            ir.AffineDimExpr(expr).position if isinstance(expr, ir.AffineDimExpr) else None for expr in map_.results
        ]
        bounds = op.attributes.get("in_bounds", [])
        self.in_bounds = [bool(getattr(flag, "value", flag)) for flag in bounds] or [False] * len(shape)

    def lanes(self, base: Array, indices: Sequence[Any], mask: Array | None) -> tuple[list[Array], Array]:
        """Base indices of each lane (clamped where they leave the base), and which lanes exist."""
        rank = len(self.shape)
        places: list[Array] = [np.full((1,) * rank, int(index)) for index in indices]
        valid = np.ones(self.shape, bool) if mask is None else np.broadcast_to(mask, self.shape).copy()
        for axis, dim in enumerate(self.dims):
            if dim is not None:
                along = np.arange(self.shape[axis]).reshape([-1 if i == axis else 1 for i in range(rank)])
                places[dim] = places[dim] + along
        for dim, place in enumerate(places):
            inside = (place >= 0) & (place < base.shape[dim])
            promised = dim not in self.dims or self.in_bounds[self.dims.index(dim)]
            if promised and not np.all(inside | ~valid):
                raise ExecutionError(
                    f"'{self.name}' leaves dimension {dim} of {list(base.shape)} although it is said to be in bounds"
                )
            valid &= inside
            places[dim] = np.clip(place, 0, max(base.shape[dim] - 1, 0))
        return places, valid


def _lane_mask(mask: Array | None, transfer: Transfer) -> Array | None:
    """A transfer's mask has one dimension for each lane dimension that is not a broadcast, in the base's order."""
    if mask is None:
        return None
    axes = [axis for axis, dim in enumerate(transfer.dims) if dim is not None]
    by_dim = sorted(axes, key=lambda axis: transfer.dims[axis] or 0)
    # Axis i of the mask belongs to the lane axis by_dim[i].
    arranged = np.transpose(mask, [by_dim.index(axis) for axis in axes])
    return arranged.reshape([transfer.shape[axis] if axis in axes else 1 for axis in range(len(transfer.dims))])


@step("vector.transfer_read")
def _transfer_read(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    base, indices, padding, masks = (slots[start:end] for start, end in segments(op))
    mask = masks[0] if masks else builder.mask()
    (output,) = builder.results(op)
    transfer = Transfer(op, vector_shape(op.results[0].type))

    def run(frame: Frame) -> None:
        source: Array = frame[base[0]]
        lanes = _lane_mask(None if mask is None else frame[mask], transfer)
        where = [frame[slot] for slot in indices]
        simple = _plain_window(source, where, transfer) if lanes is None else None
        if simple is not None:
            frame[output] = simple.copy()
            return
        places, valid = transfer.lanes(source, where, lanes)
        read = source[tuple(places)] if source.size else source.dtype.type(0)
        frame[output] = np.where(valid, read, frame[padding[0]]).astype(source.dtype)

    return run


@step("vector.transfer_write")
def _transfer_write(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    value, base, indices, masks = (slots[start:end] for start, end in segments(op))
    mask = masks[0] if masks else builder.mask()
    outputs = builder.results(op)
    transfer = Transfer(op, vector_shape(op.operands[0].type))
    last = builder.last_uses()

    def run(frame: Frame) -> None:
        lanes = _lane_mask(None if mask is None else frame[mask], transfer)
        where = [frame[slot] for slot in indices]
        target, free = last.take(frame, base[0]) if outputs else (frame[base[0]], True)
        target = target if free else np.array(target, order="C")
        place = _plain_window(target, where, transfer) if lanes is None else None
        if place is not None:
            place[...] = frame[value[0]]
        else:
            places, valid = transfer.lanes(target, where, lanes)
            chosen = tuple(np.broadcast_to(p, valid.shape)[valid] for p in places)
            target[chosen] = np.broadcast_to(frame[value[0]], valid.shape)[valid]
        if outputs:
            frame[outputs[0]] = target

    return run


def _plain_window(base: Array, indices: Sequence[Any], transfer: Transfer) -> Array | None:
    """The window as a view, if the lanes follow the innermost dimensions in order and lie inside."""
    rank = len(transfer.shape)
    outer = base.ndim - rank
    if transfer.dims != list(range(outer, base.ndim)):
        return None
    sizes = (1,) * outer + transfer.shape
    if any(not 0 <= int(i) <= extent - size for i, size, extent in zip(indices, sizes, base.shape, strict=True)):
        return None
    part = base[_box(indices, sizes)]
    inner: Array = part[_box([0] * outer, (1,) * outer)].reshape(transfer.shape)
    return inner


def _box(indices: Sequence[Any], sizes: tuple[int, ...]) -> tuple[Any, ...]:
    """The index of a box; the ellipsis makes a view of an array without dimensions, too."""
    return (*(slice(int(i), int(i) + size) for i, size in zip(indices, sizes, strict=True)), ...)


def window(base: Array, indices: Sequence[Any], shape: tuple[int, ...], name: str) -> Array:
    """The part of ``base`` of ``shape`` at ``indices``, a view; refuses what leaves it."""
    sizes = (1,) * (base.ndim - len(shape)) + shape
    if any(not 0 <= int(i) <= extent - size for i, size, extent in zip(indices, sizes, base.shape, strict=True)):
        raise ExecutionError(f"'{name}' of {list(shape)} at {[int(i) for i in indices]} leaves {list(base.shape)}")
    part: Array = base[_box(indices, sizes)]
    return part.reshape(shape)


@kernel("vector.load")
def _load(op: ir.Operation) -> Kernel:
    shape, name = vector_shape(op.results[0].type), op.name
    return lambda base, *indices: window(base, indices, shape, name).copy()


@kernel("vector.store")
def _store(op: ir.Operation) -> Kernel:
    shape, name = vector_shape(op.operands[0].type), op.name

    def store(value: Array, base: Array, *indices: Any) -> None:
        window(base, indices, shape, name)[...] = value

    return store


def _row(base: Array, indices: Sequence[Any], lanes: Array) -> tuple[Any, ...]:
    """Index of ``lanes`` along the innermost dimension of ``base``; refuses what leaves it."""
    *outer, first = (int(index) for index in indices)
    inner = lanes + first
    if inner.size and (inner.min() < 0 or inner.max() >= base.shape[-1]):
        raise ExecutionError(f"lanes at {inner.min()} to {inner.max()} leave the dimension of {base.shape[-1]}")
    return (*outer, inner)


@kernel("vector.maskedload", "vector.expandload")
def _maskedload(op: ir.Operation) -> Kernel:
    packed = op.name == "vector.expandload"

    def load(base: Array, *rest: Any) -> Array:
        *indices, mask, through = rest
        lanes = np.flatnonzero(mask)
        result = np.array(through)
        result[lanes] = base[_row(base, indices, np.arange(lanes.size) if packed else lanes)]
        return result

    return load


@kernel("vector.maskedstore", "vector.compressstore")
def _maskedstore(op: ir.Operation) -> Kernel:
    packed = op.name == "vector.compressstore"

    def store(base: Array, *rest: Any) -> None:
        *indices, mask, value = rest
        lanes = np.flatnonzero(mask)
        base[_row(base, indices, np.arange(lanes.size) if packed else lanes)] = value[lanes]

    return store


@kernel("vector.gather")
def _gather(op: ir.Operation) -> Kernel:
    def gather(base: Array, *rest: Any) -> Array:
        *indices, offsets, mask, through = rest
        result = np.array(through)
        result[mask] = base[_row(base, indices, offsets[mask])]
        return result

    return gather


@kernel("vector.scatter")
def _scatter(op: ir.Operation) -> Kernel:
    def scatter(base: Array, *rest: Any) -> None:
        *indices, offsets, mask, value = rest
        for lane in np.flatnonzero(mask):
            base[_row(base, indices, offsets[lane : lane + 1])] = value[lane]

    return scatter
