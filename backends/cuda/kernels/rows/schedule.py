"""How a group's work is laid over threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.cuda.kernels.chip import MULTIPROCESSORS
from stepwell.backends.cuda.kernels.rows.sizes import Size
from stepwell.passes.schedules.base import Schedule

VECTOR = 16
"""Bytes of the widest access."""

WARP = 32
SHARED = 227 * 1024
"""Bytes of shared memory that a block can have."""

_KEPT = 200 * 1024
"""Bytes of rows that it keeps there at most."""

_HELD = 32
"""Elements of a row that a thread holds in registers at most."""
_EXCHANGED = 4 * 1024
"""Bytes that warps exchange sums through at most."""

_BLOCKS = 2 * MULTIPROCESSORS
"""That keep a chip busy: two for each multiprocessor."""


@dataclass(frozen=True)
class RowSchedule(Schedule):
    """How a group's work is laid over threads.

    Attributes:
        threads: of a block.
        row: threads that share a row, a power of two; those of a block are a whole number of rows.
        unroll: vectors of each operand that a thread has under way, where it does not hold its part of a row.
        held: where rows are between two reductions: ``registers``, ``shared`` memory, or ``memory``, read again.
    """

    kind: ClassVar[str] = "cuda-rows"
    settled: ClassVar[frozenset[str]] = frozenset({"held"})

    threads: int = 256
    row: int = 32
    unroll: int = 4
    held: str = "registers"

    def check(self) -> None:
        """Raise ValueError where the parts do not fit each other."""
        if self.threads % WARP or not WARP <= self.threads <= 1024:
            raise ValueError("threads are a multiple of 32 up to 1024")
        if self.row & (self.row - 1) or not 1 <= self.row <= self.threads or self.threads % self.row:
            raise ValueError("the threads of a row are a power of two that divides those of the block")
        if self.held not in ("registers", "shared", "memory"):
            raise ValueError("rows are held in 'registers', 'shared' memory or 'memory'")
        if self.unroll < 1:
            raise ValueError("unroll is at least 1")


def element_schedule() -> RowSchedule:
    """For elementwise work: one access of each operand in every thread, many threads."""
    return RowSchedule(unroll=1)


def row_schedule(length: int, lanes: int, row_bytes: int) -> RowSchedule:
    """For rows of ``length`` elements in vectors of ``lanes``, each ``row_bytes`` in shared memory."""
    row = 1
    while row < 1024 and length > row * _part(row, lanes):
        row *= 2
    if length <= row * _HELD:
        return RowSchedule(max(row, 128), row)
    held = "shared" if row_bytes <= _KEPT else "memory"
    return RowSchedule(row, row, held=held)


def check_row(schedule: RowSchedule, length: int, lanes: int, row_bytes: int) -> None:
    """Raise ValueError where rows of ``length`` elements do not fit where the schedule holds them."""
    part = -(-length // schedule.row)
    if schedule.held == "registers" and part > 2 * _HELD:
        raise ValueError(f"a thread would hold {part} elements of a row in registers, {2 * _HELD} are the most")
    step = schedule.row * lanes * schedule.unroll
    rows = schedule.threads // schedule.row
    size = rows * -(-length // step) * step * row_bytes // length
    if schedule.held == "shared" and size > SHARED - _EXCHANGED:
        raise ValueError(f"the rows of a block take {size} bytes of shared memory, {SHARED - _EXCHANGED} are the most")


def column_schedule(results: Size, lanes: int) -> RowSchedule:
    """For so many results of reductions across rows: more rows at once where there are few strips."""
    row = 8
    few = results.static is not None and results.factor < row * lanes * _BLOCKS
    return RowSchedule(threads=512 if few else 256, row=row)


def _part(row: int, lanes: int) -> int:
    """How much of a row a thread has before more threads share it: a vector in a part of a warp."""
    if row < WARP:
        return lanes
    return 16 if WARP < row < 256 else _HELD
