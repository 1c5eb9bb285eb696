"""Which part of a value a block of rows needs: a label for each axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeGuard

from torch_mlir import ir


class UnnamedError(Exception):
    """A block needs a part of a value that no label stands for."""


@dataclass(frozen=True)
class Loop:
    """The index of a loop around the block."""

    number: int


@dataclass(frozen=True)
class Zero:
    """The only index of an axis of one element."""


@dataclass(frozen=True)
class Joined:
    """``outer * size + inner``."""

    outer: Index
    inner: Index
    size: int


@dataclass(frozen=True)
class Part:
    """``of floordiv divisor``, modulo ``modulus`` where there is one."""

    of: Index
    divisor: int
    modulus: int | None


@dataclass(frozen=True)
class Kept:
    """All that a block needs of an axis, which is number ``axis`` in its part of some other value."""

    axis: int


Index: TypeAlias = "Loop | Zero | Joined | Part"
#: One index, the block's rows, the keys that they see, or None for all of an axis.
Label: TypeAlias = "Index | Kept | Literal['rows', 'keys'] | None"
Labels: TypeAlias = tuple[Label, ...]

ROWS: Literal["rows"] = "rows"
KEYS: Literal["keys"] = "keys"


def is_kept(label: Label) -> bool:
    """Whether an axis with this label is there in the block."""
    return label is None or label in (ROWS, KEYS)


def narrowed(value: ir.Value, labels: Labels) -> Labels:
    """``labels`` with axes of one element at their only index."""
    shape = ir.RankedTensorType(value.type).shape
    return tuple(Zero() if size == 1 else label for size, label in zip(shape, labels, strict=True))


def join(value: ir.Value, labels: Labels, groups: list[list[int]]) -> Labels:
    """The labels of what ``value`` is an expanded form of.

    Raises:
        UnnamedError: they have no name.
    """
    return tuple(_joined(value, labels, group) for group in groups)


def split(narrow: Labels, value: ir.Value, groups: list[list[int]]) -> Labels:
    """The labels of ``value``, of which a collapsed form has the labels ``narrow``.

    Raises:
        UnnamedError: they have no name.
    """
    # A collapsed form of rank 0 has no groups: all axes are of one element.
    labels: list[Label] = [Zero()] * ir.RankedTensorType(value.type).rank
    for label, group in zip(narrow, groups, strict=True):
        for axis, part in zip(group, _parted(value, label, group), strict=True):
            labels[axis] = part
    return narrowed(value, tuple(labels))


def _joined(value: ir.Value, labels: Labels, group: list[int]) -> Label:
    shape = ir.RankedTensorType(value.type).shape
    long = [axis for axis in group if shape[axis] != 1]
    if not long:
        return Zero()
    if len(long) == 1:
        return labels[long[0]]
    index: Label = labels[long[0]]
    for axis in long[1:]:
        label = labels[axis]
        if not _is_index(index) or not _is_index(label) or _is_dynamic(value, axis):
            raise UnnamedError
        index = Joined(index, label, shape[axis])
    return index


def _parted(value: ir.Value, label: Label, group: list[int]) -> list[Label]:
    shape = ir.RankedTensorType(value.type).shape
    long = [axis for axis in group if shape[axis] != 1]
    if len(long) <= 1:
        return [label if axis in long else Zero() for axis in group]
    if not _is_index(label) or any(_is_dynamic(value, axis) for axis in long[1:]):
        raise UnnamedError
    parts: dict[int, Label] = {}
    while len(long) > 1 and isinstance(label, Joined) and label.size == shape[long[-1]]:
        parts[long.pop()], label = label.inner, label.outer
    if len(long) == 1:
        parts[long.pop()] = label
    divisor = 1
    for axis in reversed(long):
        parts[axis] = Part(label, divisor, shape[axis] if axis != long[0] else None)
        divisor *= shape[axis]
    return [parts.get(axis, Zero()) for axis in group]


def _is_index(label: Label) -> TypeGuard[Index]:
    return isinstance(label, Loop | Zero | Joined | Part)


def _is_dynamic(value: ir.Value, axis: int) -> bool:
    return bool(ir.RankedTensorType(value.type).is_dynamic_dim(axis))
