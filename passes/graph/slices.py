"""Slices of tensors, and what they are slices of in front of an operation that computes element by element or moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.permutations import order_of
from stepwell.passes.graph.weights import Weights

_VIEWS = frozenset(
    f"torch.aten.{name}"
    for name in (
        "view", "_unsafe_view", "reshape", "unsqueeze", "squeeze.dim", "flatten.using_ints", "unflatten.int",
    )
)  # fmt: skip
_PERMUTATIONS = frozenset(("torch.aten.permute", "torch.aten.transpose.int", "torch.aten.t"))
_PAIRS = frozenset(("torch.aten.add.Tensor", "torch.aten.sub.Tensor", "torch.aten.mul.Tensor", "torch.aten.div.Tensor"))
_SINGLE = frozenset(
    f"torch.aten.{name}"
    for name in ("relu", "gelu", "sigmoid", "silu", "tanh", "neg", "mul.Scalar", "div.Scalar", "add.Scalar")
)


@dataclass(frozen=True)
class Part:
    """Elements from ``start`` up to ``stop`` along a dimension."""

    axis: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many they are."""
        return self.stop - self.start


def slice_of(op: ir.Operation) -> Part | None:
    """What ``op`` takes of its operand; None for what is no slice with a step of 1 of known sizes."""
    found = stepped_slice(op)
    return found[0] if found is not None and found[1] == 1 else None


def stepped_slice(op: ir.Operation) -> tuple[Part, int] | None:
    """A part of the operand of ``op``, and how far apart what it takes of that is; None for what is no such slice."""
    info = tb.tensor_info(op.operands[0]) if op.name == "torch.aten.slice.Tensor" else None
    if info is None or not info.is_static():
        return None
    axis, step = (tb.number(op.operands[place]) for place in (1, 4))
    ends = [
        default if tb.is_none(operand) else tb.number(operand)
        for operand, default in zip(op.operands[2:4], (0, math.inf), strict=True)
    ]
    if axis is None or step is None or ends[0] is None or ends[1] is None:
        return None
    size = info.shape[int(axis)]
    assert size is not None
    start, stop = (int(max(0, min(size, end + size if end < 0 else end))) for end in ends if end is not None)
    return (Part(int(axis) % len(info.shape), start, stop), int(step)) if start < stop else None


def take(value: ir.Value, part: Part) -> ir.Value:
    """``part`` of ``value``, at the insertion point."""
    info = tb.tensor_info(value)
    assert info is not None
    shape = [part.size if axis == part.axis else size for axis, size in enumerate(info.shape)]
    ends = [tb.constant(number) for number in (part.axis, part.start, part.stop, 1)]
    return tb.build("aten.slice.Tensor", [value, *ends], info.with_shape(shape))


def is_carried(op: ir.Operation, value: ir.Value, weights: Weights) -> bool:
    """Whether ``op`` moves ``value`` or computes with each of its elements; a second operand must be a weight."""
    if op.name not in _VIEWS | _PERMUTATIONS | _SINGLE | _PAIRS or op.operands[0] != value:
        return False
    given, made = tb.tensor_info(value), tb.tensor_info(op.results[0])
    if given is None or made is None or not made.is_static():
        return False
    return op.name not in _PAIRS or (weights.is_fixed(op.operands[1]) and given.shape == made.shape)


def part_before(op: ir.Operation, part: Part) -> Part | None:
    """Of which part of its first operand ``op``, which :func:`is_carried`, makes ``part`` of its result."""
    if op.name in _SINGLE | _PAIRS:
        return part
    if op.name in _PERMUTATIONS:
        order = order_of(op)
        return None if order is None else Part(order[part.axis], part.start, part.stop)
    return _before_view(_shape(op.operands[0]), _shape(op.results[0]), part)


def with_part(op: ir.Operation, value: ir.Value, part: Part) -> ir.Value:
    """``part`` of what ``op`` makes, of ``value``, which is the part before it."""
    shape = [part.size if axis == part.axis else size for axis, size in enumerate(_shape(op.results[0]))]
    if op.name in _VIEWS:
        return tb.reshape(value, shape)
    info = tb.tensor_info(op.results[0])
    assert info is not None
    operands = [value, *list(op.operands)[1:]]
    if op.name in _PAIRS:
        operands[1] = _part_of_smaller(op.operands[1], part, len(shape))
    return tb.build(op.name.removeprefix("torch."), operands, info.with_shape(shape))


def _part_of_smaller(value: ir.Value, part: Part, rank: int) -> ir.Value:
    """What of ``value``, which may repeat along dimensions, belongs to ``part`` of a tensor of ``rank``."""
    shape = _shape(value)
    axis = part.axis - (rank - len(shape))
    return value if axis < 0 or shape[axis] == 1 else take(value, Part(axis, part.start, part.stop))


def _before_view(before: tuple[int, ...], after: tuple[int, ...], part: Part) -> Part | None:
    """The part of a tensor of shape ``before`` that is ``part`` once it is seen as ``after``."""
    outer, inner = math.prod(after[: part.axis]), math.prod(after[part.axis + 1 :])
    start, stop = part.start * inner, part.stop * inner
    for axis in range(len(before)):
        unit = math.prod(before[axis + 1 :])
        if math.prod(before[:axis]) == outer and start % unit == 0 and stop % unit == 0:
            return Part(axis, start // unit, stop // unit)
    return None


def _shape(value: ir.Value) -> tuple[int, ...]:
    info = tb.tensor_info(value)
    assert info is not None and info.is_static()
    return tuple(size for size in info.shape if size is not None)
