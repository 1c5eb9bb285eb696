"""Numbers that follow from sizes of tensors: known ones, and products with sizes that are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from torch_mlir import ir


@dataclass(frozen=True, eq=False)
class Extent:
    """``factor`` times the sizes of some axes of tensors.

    Attributes:
        axes: a tensor and a number of an axis each.
    """

    factor: int
    axes: tuple[tuple[ir.Value, int], ...] = ()

    def __mul__(self, other: Extent) -> Extent:
        return Extent(self.factor * other.factor, (*self.axes, *other.axes) if self.factor * other.factor else ())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extent) and (self.factor, Counter(self.axes)) == (other.factor, Counter(other.axes))

    def __hash__(self) -> int:
        return hash((self.factor, frozenset(self.axes)))

    @property
    def known(self) -> int | None:
        """The number, None where it depends on sizes."""
        return None if self.axes else self.factor


ONE, NONE = Extent(1), Extent(0)


def size_of(value: ir.Value, axis: int) -> Extent:
    """The size of an axis of a tensor."""
    kind = ir.RankedTensorType(value.type)
    return Extent(1, ((value, axis),)) if kind.is_dynamic_dim(axis) else Extent(int(kind.get_dim_size(axis)))


def sizes_of(value: ir.Value) -> tuple[Extent, ...]:
    """The sizes of a tensor."""
    return tuple(size_of(value, axis) for axis in range(ir.RankedTensorType(value.type).rank))


def product(extents: Iterable[Extent]) -> Extent:
    """The product of all."""
    total = ONE
    for extent in extents:
        total = total * extent
    return total
