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


def lacking(op: ir.Operation) -> tuple[int, ...]:
    """The unit dimensions of the slice ``op`` that its result's type lacks."""
    target = list(op.results[0].type.shape)
    drop = []
    for dim, size in enumerate(op.attributes["static_sizes"]):
        if target and size == target[0]:
            target.pop(0)
        else:
            drop.append(dim)
    return tuple(drop)


@kernel("tensor.extract_slice")
def _extract_slice(op: ir.Operation) -> Kernel:
    part = slices(op, 1)
    drop, name = lacking(op), op.name
    return lambda *values: window(values[0], part, values, name).squeeze(drop)


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
