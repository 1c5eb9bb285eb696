"""Views of buffers: numpy arrays that alias their base, with strides as the type's layout has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array, element, strided_view
from stepwell.backends.interpreter.operands import DYNAMIC, dynamic_shape, slices
from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.backends.interpreter.shapes import check_expansion, collapsed_shape, expanded_shape, groups, reshaped_view
from stepwell.backends.interpreter.tensor_slices import lacking, window
from stepwell.support.errors import ExecutionError


@kernel("memref.view")
def _view(op: ir.Operation) -> Kernel:
    shape = dynamic_shape(op.results[0].type, start=2)
    dtype = element(op.results[0].type).dtype

    def view(*values: Any) -> Array:
        source, offset = values[0], int(values[1])
        target = shape(values)
        size = int(np.prod(target, dtype=np.int64)) * dtype.itemsize
        if offset < 0 or offset + size > source.size:
            raise ExecutionError(f"'memref.view' of {size} bytes at {offset} leaves the buffer of {source.size} bytes")
        part: Array = source[offset : offset + size].view(np.uint8).view(dtype)
        return part.reshape(target)

    return view


@kernel("memref.subview")
def _subview(op: ir.Operation) -> Kernel:
    part = slices(op, 1)
    drop, name = lacking(op), op.name
    return lambda *values: window(values[0], part, values, name).squeeze(drop)


def root(view: Array) -> Array:
    """The allocation that ``view`` lies in."""
    owner: Any = view
    while owner is not None:
        if isinstance(owner, np.ndarray):
            view = owner
        # as_strided keeps its base in a holder that is no array.
        owner = getattr(owner, "base", None)
    return view


def strided(base: Array, offset: int, sizes: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """The elements at ``offset + sum(index * strides)`` from the first element of ``base``, checked.

    Raises:
        ExecutionError: an element lies outside of the allocation of ``base``.
    """
    whole = root(base)
    first = base.__array_interface__["data"][0] - whole.__array_interface__["data"][0] + offset * base.itemsize
    spans = [(size - 1) * stride * base.itemsize for size, stride in zip(sizes, strides, strict=True)]
    lowest = first + sum(span for span in spans if span < 0)
    highest = first + sum(span for span in spans if span > 0) + base.itemsize
    if 0 in sizes:
        return np.empty(sizes, base.dtype)
    if lowest < 0 or highest > whole.nbytes:
        raise ExecutionError(f"a view of {list(sizes)} at {offset} with strides {list(strides)} leaves its buffer")
    if not whole.flags.c_contiguous:
        raise ExecutionError("a buffer that is not contiguous can't be reinterpreted")
    flat = whole.reshape(-1).view(np.uint8)
    start = flat[first : first + base.itemsize].view(base.dtype)
    return strided_view(start, sizes, [stride * base.itemsize for stride in strides])


@kernel("memref.reinterpret_cast")
def _reinterpret_cast(op: ir.Operation) -> Kernel:
    part = slices(op, 1)

    def reinterpret(*values: Any) -> Array:
        base = values[0]
        # Offsets count from the aligned pointer of the source, which is where its type's offset is zero.
        return strided(base, part.offsets(values)[0] - source_offset, part.sizes(values), part.strides(values))

    source_offset = _static_offset(op.operands[0].type)
    return reinterpret


def _static_offset(type_: ir.Type) -> int:
    _, offset = type_.get_strides_and_offset()
    return 0 if offset == DYNAMIC else int(offset)


@kernel("memref.extract_strided_metadata")
def _metadata(op: ir.Operation) -> Kernel:
    offset = _static_offset(op.operands[0].type)

    def metadata(source: Array) -> tuple[Any, ...]:
        base = strided(source, -offset, (), ())
        strides = [stride // source.itemsize for stride in source.strides]
        numbers = [offset, *source.shape, *strides]
        return (base, *(np.int64(number) for number in numbers))

    return metadata


@kernel("memref.extract_aligned_pointer_as_index")
def _pointer(op: ir.Operation) -> Kernel:
    return lambda source: np.int64(source.__array_interface__["data"][0])


@kernel("memref.expand_shape")
def _expand_shape(op: ir.Operation) -> Kernel:
    reassociation, shape, name = groups(op), expanded_shape(op), op.name

    def expand(*values: Any) -> Array:
        target = shape(values)
        check_expansion(values[0].shape, target, reassociation, name)
        return reshaped_view(values[0], target)

    return expand


@kernel("memref.collapse_shape")
def _collapse_shape(op: ir.Operation) -> Kernel:
    reassociation = groups(op)
    return lambda source: reshaped_view(source, collapsed_shape(source.shape, reassociation))


@kernel("memref.transpose")
def _transpose(op: ir.Operation) -> Kernel:
    results = op.attributes["permutation"].value.results
    order = [ir.AffineDimExpr(expr).position for expr in results]
    return lambda source: source.transpose(order)


@kernel("memref.memory_space_cast")
def _space_cast(op: ir.Operation) -> Kernel:
    return lambda source: source
