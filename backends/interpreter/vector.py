"""Vectors: shapes, broadcasts, masks, products and reductions (values are arrays that nobody changes)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array, element, is_shaped
from stepwell.backends.interpreter.operands import integers
from stepwell.backends.interpreter.program import Builder
from stepwell.backends.interpreter.registry import Frame, Kernel, Step, kernel, step


def vector_shape(type_: ir.Type) -> tuple[int, ...]:
    """The shape of a vector type, empty for a number."""
    return tuple(type_.shape) if is_shaped(type_) else ()


@kernel("vector.broadcast", "vector.splat")
def _broadcast(op: ir.Operation) -> Kernel:
    shape = vector_shape(op.results[0].type)
    return lambda value: np.broadcast_to(value, shape)


@kernel("vector.shape_cast")
def _shape_cast(op: ir.Operation) -> Kernel:
    shape = vector_shape(op.results[0].type)
    return lambda value: value.reshape(shape)


@kernel("vector.bitcast")
def _bitcast(op: ir.Operation) -> Kernel:
    dtype = element(op.results[0].type).dtype
    return lambda value: np.ascontiguousarray(value).view(dtype)


@kernel("vector.transpose")
def _transpose(op: ir.Operation) -> Kernel:
    order = integers(op.attributes["permutation"])
    return lambda value: value.transpose(order)


@kernel("vector.step")
def _step(op: ir.Operation) -> Kernel:
    value = np.arange(op.results[0].type.shape[0], dtype=np.int64)
    return lambda: value


@kernel("vector.constant_mask")
def _constant_mask(op: ir.Operation) -> Kernel:
    value = _mask(vector_shape(op.results[0].type), integers(op.attributes["mask_dim_sizes"]))
    return lambda: value


@kernel("vector.create_mask")
def _create_mask(op: ir.Operation) -> Kernel:
    shape = vector_shape(op.results[0].type)
    return lambda *sizes: _mask(shape, [int(size) for size in sizes])


def _mask(shape: tuple[int, ...], sizes: list[int]) -> Array:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(0, max(size, 0)) for size in sizes)] = True
    return mask


@step("vector.mask")
def _masked(op: ir.Operation, builder: Builder) -> Step:
    """The maskable operation inside reads the mask from the builder's slot."""
    mask = builder.use(op.operands[0])
    through = builder.use(op.operands[1]) if len(op.operands) > 1 else None
    with builder.masked(mask):
        body = builder.body(op.regions[0])
    outputs = builder.results(op)
    reduces = [vector_shape(result.type) != vector_shape(op.operands[0].type) for result in op.results]

    def run(frame: Frame) -> None:
        for slot, value, reduced in zip(outputs, body.run(frame), reduces, strict=True):
            keep = None if through is None or reduced else frame[through]
            frame[slot] = value if keep is None else np.where(frame[mask], value, keep)

    return run


@kernel("vector.extract_strided_slice")
def _extract_strided_slice(op: ir.Operation) -> Kernel:
    offsets, sizes, strides = (integers(op.attributes[name]) for name in ("offsets", "sizes", "strides"))
    index = _box(offsets, sizes, strides)
    return lambda value: value[index]


def _box(offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(o, o + (n - 1) * s + 1, s) for o, n, s in zip(offsets, sizes, strides, strict=True))


@kernel("vector.insert_strided_slice")
def _insert_strided_slice(op: ir.Operation) -> Kernel:
    small = vector_shape(op.operands[0].type)
    rank = len(vector_shape(op.operands[1].type))
    offsets, strides = integers(op.attributes["offsets"]), integers(op.attributes["strides"])
    strides = [1] * (rank - len(strides)) + strides
    sizes = (1,) * (rank - len(small)) + small
    index = _box(offsets, sizes, strides)

    def insert(value: Array, target: Array) -> Array:
        result = np.array(target)
        result[index] = value.reshape(sizes)
        return result

    return insert


@kernel("vector.flat_transpose")
def _flat_transpose(op: ir.Operation) -> Kernel:
    rows, columns = op.attributes["rows"].value, op.attributes["columns"].value
    # Column-major: the matrix is stored column by column.
    return lambda value: value.reshape(columns, rows).T.reshape(-1)
