"""Taking and putting slices of tensors, and the window that both tensor and memref slices open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array
from stepwell.backends.interpreter.operands import Slices, slices
from stepwell.backends.interpreter.program import Builder
from stepwell.backends.interpreter.registry import Frame, Kernel, Step, kernel, step
from stepwell.support.errors import ExecutionError


def window(base: Array, part: Slices, values: Sequence[Any], name: str) -> Array:
    """The view of ``base`` that a slice operation names, at full rank.

    Raises:
        ExecutionError: the slice leaves ``base``.
    """
    offsets, sizes, strides = part.offsets(values), part.sizes(values), part.strides(values)
    index = []
    for offset, size, stride, extent in zip(offsets, sizes, strides, base.shape, strict=True):
        last = offset + (size - 1) * stride
        if size < 0 or (size and not (0 <= offset < extent and 0 <= last < extent)):
            raise ExecutionError(
                f"'{name}' at {list(offsets)} of size {list(sizes)} leaves the shape {list(base.shape)}"
            )
        end = last + (1 if stride > 0 else -1)
        index.append(slice(offset, end if end >= 0 else None, stride) if size else slice(0, 0))
    return base[(*index, ...)]


def reduced_rank(view: Array, type_: ir.Type) -> Array:
    """``view`` without the unit dimensions that ``type_`` lacks, in place (the strides are kept)."""
    target = list(type_.shape)
    if view.ndim == len(target):
        return view
    drop = []
    position = 0
    for dim, size in enumerate(view.shape):
        remaining = view.ndim - dim
        wanted = target[position] if position < len(target) else None
        must_keep = remaining == len(target) - position
        if wanted is not None and (must_keep or size == wanted or (size != 1 and type_.is_dynamic_dim(position))):
            position += 1
        else:
            drop.append(dim)
    return view.squeeze(tuple(drop))


@kernel("tensor.extract_slice")
def _extract_slice(op: ir.Operation) -> Kernel:
    part = slices(op, 1)
    type_, name = op.results[0].type, op.name
    return lambda *values: reduced_rank(window(values[0], part, values, name), type_)


@step("tensor.insert_slice")
def _insert_slice(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    part = slices(op, 2)
    target = slots[1]
    (output,) = builder.results(op)
    last = builder.last_uses()
    name = op.name

    def run(frame: Frame) -> None:
        values = [frame[slot] for slot in slots]
        # The list must not count as another holder of the target.
        values[1] = None
        base, free = last.take(frame, target)
        if not free:
            base = base.copy()
        place = window(base, part, values, name)
        place[...] = values[0].reshape(place.shape)
        frame[output] = base

    return run
