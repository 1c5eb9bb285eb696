"""The tensor dialect but its slices."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array, element, poisoned
from stepwell.backends.interpreter.indexing import load, store
from stepwell.backends.interpreter.operands import dynamic_shape, integers, mixed, segments
from stepwell.backends.interpreter.program import Body, Builder
from stepwell.backends.interpreter.registry import Frame, Kernel, Step, kernel, step
from stepwell.backends.interpreter.shapes import cast_checked, check_expansion, collapsed_shape, expanded_shape, groups
from stepwell.support.errors import ExecutionError

#: Operations that write no tensor in place: one without memory of its own will do for them.
_NOT_IN_PLACE = frozenset({"linalg.pack", "linalg.unpack"})


@kernel("tensor.empty")
def _empty(op: ir.Operation) -> Kernel:
    shape = dynamic_shape(op.results[0].type)
    dtype = element(op.results[0].type).dtype
    if all(use.owner.operation.name in _NOT_IN_PLACE for use in op.results[0].uses):
        return lambda *sizes: np.broadcast_to(poisoned((), dtype), shape(sizes))
    return lambda *sizes: poisoned(shape(sizes), dtype)


@kernel("tensor.splat")
def _splat(op: ir.Operation) -> Kernel:
    shape = dynamic_shape(op.results[0].type, start=1)
    dtype = element(op.results[0].type).dtype
    return lambda *values: np.full(shape(values), values[0], dtype)


@kernel("tensor.from_elements")
def _from_elements(op: ir.Operation) -> Kernel:
    shape = tuple(op.results[0].type.shape)
    dtype = element(op.results[0].type).dtype
    return lambda *values: np.array(values, dtype).reshape(shape)


@kernel("tensor.extract")
def _extract(op: ir.Operation) -> Kernel:
    return lambda source, *indices: load(source, indices)


@step("tensor.insert")
def _insert(op: ir.Operation, builder: Builder) -> Step:
    value, target, *indices = builder.uses(list(op.operands))
    (output,) = builder.results(op)
    last = builder.last_uses()

    def run(frame: Frame) -> None:
        base, free = last.take(frame, target)
        base = base if free else np.array(base)
        store(frame[value], base, [frame[slot] for slot in indices])
        frame[output] = base

    return run


@kernel("tensor.dim", "memref.dim")
def _dim(op: ir.Operation) -> Kernel:
    def dim(source: Array, axis: Any) -> Any:
        if not 0 <= axis < source.ndim:
            raise ExecutionError(f"there is no dimension {axis} of {source.ndim}")
        return np.int64(source.shape[axis])

    return dim


@kernel("tensor.rank", "memref.rank")
def _rank(op: ir.Operation) -> Kernel:
    return lambda source: np.int64(source.ndim)


@kernel("tensor.cast", "memref.cast")
def _cast(op: ir.Operation) -> Kernel:
    type_, name = op.results[0].type, op.name
    return lambda source: cast_checked(source, type_, name)


@kernel("tensor.bitcast")
def _bitcast(op: ir.Operation) -> Kernel:
    dtype = element(op.results[0].type).dtype
    return lambda source: np.ascontiguousarray(source).reshape(source.shape).view(dtype)


@kernel("tensor.expand_shape")
def _expand_shape(op: ir.Operation) -> Kernel:
    reassociation, shape, name = groups(op), expanded_shape(op), op.name

    def expand(*values: Any) -> Array:
        target = shape(values)
        check_expansion(values[0].shape, target, reassociation, name)
        result: Array = values[0].reshape(target)
        return result

    return expand


@kernel("tensor.collapse_shape")
def _collapse_shape(op: ir.Operation) -> Kernel:
    reassociation = groups(op)
    return lambda source: source.reshape(collapsed_shape(source.shape, reassociation))


@kernel("tensor.reshape", "memref.reshape")
def _reshape(op: ir.Operation) -> Kernel:
    return lambda source, shape: source.reshape([int(size) for size in shape])


@step("tensor.generate")
def _generate(op: ir.Operation, builder: Builder) -> Step:
    sizes = builder.uses(list(op.operands))
    body = builder.structured_body(op.regions[0])
    (output,) = builder.results(op)
    shape = dynamic_shape(op.results[0].type)
    dtype = element(op.results[0].type).dtype

    def run(frame: Frame) -> None:
        result = np.empty(shape([frame[slot] for slot in sizes]), dtype)
        _each_point(result, body, frame, tuple(slice(0, size) for size in result.shape))
        frame[output] = result

    return run


def _each_point(result: Array, body: Body, frame: Frame, box: tuple[slice, ...]) -> None:
    for point in itertools.product(*(range(part.start, part.stop) for part in box)):
        result[point] = body.run(frame, [np.int64(index) for index in point])[0]


@step("tensor.pad")
def _pad(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    starts = [start for start, _ in segments(op)]
    low = mixed(list(op.attributes["static_low"]), starts[1])
    high = mixed(list(op.attributes["static_high"]), starts[2])
    body = builder.structured_body(op.regions[0])
    # A padding value that does not depend on the position is computed once.
    constant = not any(
        operand in list(op.regions[0].blocks[0].arguments)
        for inner in op.regions[0].blocks[0].operations
        for operand in inner.operation.operands
    )
    (output,) = builder.results(op)

    def run(frame: Frame) -> None:
        values = [frame[slot] for slot in slots]
        source: Array = values[0]
        before, after = low(values), high(values)
        if min((*before, *after), default=0) < 0:
            raise ExecutionError(f"'tensor.pad' by the negative amounts {list(before)} and {list(after)}")
        shape = tuple(size + a + b for size, a, b in zip(source.shape, before, after, strict=True))
        result = np.empty(shape, source.dtype)
        if constant:
            result[...] = body.run(frame, [np.int64(0)] * source.ndim)[0]
        else:
            _each_point(result, body, frame, tuple(slice(0, size) for size in shape))
        result[tuple(slice(a, a + size) for a, size in zip(before, source.shape, strict=True))] = source
        frame[output] = result

    return run


@kernel("tensor.concat")
def _concat(op: ir.Operation) -> Kernel:
    axis = op.attributes["dim"].value
    return lambda *values: np.concatenate(values, axis=axis)


@kernel("tensor.gather")
def _gather(op: ir.Operation) -> Kernel:
    dims = integers(op.attributes["gather_dims"])
    shape = tuple(op.results[0].type.shape)
    dynamic = not op.results[0].type.has_static_shape

    def gather(source: Array, indices: Array) -> Array:
        leading = np.moveaxis(source, dims, range(len(dims)))
        columns = [indices[..., column] for column in range(len(dims))]
        for column, size in zip(columns, leading.shape, strict=False):
            if column.size and (column.min() < 0 or column.max() >= size):
                raise ExecutionError(f"'tensor.gather' indices leave the dimension of {size}")
        picked: Array = leading[tuple(columns)]
        result: Array = picked if dynamic else picked.reshape(shape)
        return result

    return gather
