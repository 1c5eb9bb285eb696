"""How a group's work is laid over threads."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.backends.cuda.kernels.rows.sizes import Size

VECTOR = 16
"""Bytes of the widest access."""

WARP = 32
_SHARED = 200 * 1024
_HELD = 32
"""Elements of a row that a thread holds in registers at most."""
_BLOCKS = 264
"""That keep a chip busy: two for each multiprocessor."""


@dataclass(frozen=True)
class RowSchedule:
    """How a group's work is laid over threads.

    Attributes:
        threads: of a block.
        row: threads that share a row, a power of two; those of a block are a whole number of rows.
        unroll: vectors of each operand that a thread has under way, where it does not hold its part of a row.
        held: where rows are between two reductions: ``registers``, ``shared`` memory, or ``memory``, read again.
    """

    threads: int = 256
    row: int = 32
    unroll: int = 2
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


def row_schedule(length: int, lanes: int, row_bytes: int) -> RowSchedule:
    """For rows of ``length`` elements in vectors of ``lanes``, each ``row_bytes`` in shared memory."""
    row = 1
    while row < 1024 and length > row * (lanes if row < WARP else 16 if row < 256 else _HELD):
        row *= 2
    if length <= row * _HELD:
        return RowSchedule(max(row, 128), row)
    held = "shared" if row_bytes <= _SHARED else "memory"
    return RowSchedule(row, row, held=held)


def column_schedule(results: Size, lanes: int) -> RowSchedule:
    """For so many results of reductions across rows: strips as wide as leaves work for every multiprocessor."""
    row = 8
    while row > 2 and results.static is not None and results.factor < row * lanes * _BLOCKS:
        row //= 2
    return RowSchedule(row=row)
