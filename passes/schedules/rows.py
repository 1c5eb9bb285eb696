"""How elementwise operations and reductions walk along a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stepwell.passes.buffer.rows.operation import RowOp
from stepwell.passes.schedules.base import Key, Schedule, Size, elements, is_power_of_two, spell

#: Elements of a one-dimensional operation that are one iteration of its parallel loop.
_BLOCK = 4096


@dataclass(frozen=True)
class RowsSchedule(Schedule):
    """Vectors along a row.

    Attributes:
        vector: elements of a vector.
        unroll: vectors in one iteration; a reduction keeps as many vectors of partial results.
        block: elements of one iteration of the parallel loop where there are no rows.
    """

    kind: ClassVar[str] = "rows"

    vector: int
    unroll: int
    block: int = _BLOCK

    def fault(self, size: Size, widest: int) -> str:
        """Why rows of ``size`` elements can't be walked so; empty if they can."""
        if not (is_power_of_two(self.vector) and 2 <= self.vector <= widest):
            return f"vector {self.vector} is no power of two from 2 to {widest}"
        if size is not None and self.vector > size:
            return f"vector {self.vector} is longer than a row of {size}"
        if not is_power_of_two(self.unroll):
            return f"unroll {self.unroll} is no power of two"
        return f"block {self.block} is no multiple of vector {self.vector}" if self.block % self.vector else ""


def rows_key(row: RowOp, inner: int) -> Key:
    """What a database knows ``row`` by, walked along dimension ``inner``."""
    work = len(list(row.op.regions[0].blocks[0].operations)) - 1
    sizes = spell(loops=row.sizes, reduced=sorted(row.reduced), along=inner, operations=work)
    return Key("rows", sizes, elements(access.value for access in row.accesses))


def rows_schedule(row: RowOp, inner: int, lanes: int, unroll: int) -> RowsSchedule:
    """Vectors of ``lanes``, up to ``unroll`` of them for a reduction, fewer where a row is short."""
    size = row.sizes[inner]
    count = unroll if row.reduced else 1
    while size is not None and count > 1 and size < lanes * count:
        count //= 2
    return RowsSchedule(lanes, count)
