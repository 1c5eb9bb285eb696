"""Which schedules products by ``mma.sync`` and without tensor cores get: large tiles where there are enough of them."""

from __future__ import annotations

from stepwell.backends.cuda.kernels.chip import MULTIPROCESSORS
from stepwell.backends.cuda.kernels.gemm_mma import MmaSchedule
from stepwell.backends.cuda.kernels.gemm_simt import SimtSchedule
from stepwell.backends.cuda.kernels.pointer_product import PointerProblem

_NARROW = 16
"""Columns of a tile for groups of few channels, whose depth is contiguous in both matrices."""

_WHOLE = 16
"""Bytes that rows are aligned to where their tiles are copied in the widest pieces."""


def choose_mma(
    problem: PointerProblem, rows: int, columns: int, batch: int = 1, multiprocessors: int = MULTIPROCESSORS
) -> MmaSchedule:
    """The schedule; the shorter the pieces in which rows are copied, the more registers a thread needs for them."""
    if problem.alignment == 1:
        return MmaSchedule(rows=64, columns=64, depth_bytes=32)
    along = problem.right_transposed and not problem.left_transposed
    if columns <= _NARROW and along and problem.alignment == _WHOLE:
        return MmaSchedule(rows=64, columns=_NARROW, stages=4, down=2, across=1, blocks=4)
    # Hopper converts 8-bit floats to f16 in registers ahead of them: fewer sums leave room for that.
    large = MmaSchedule(across=4, blocks=1) if problem.element in ("e4m3", "e5m2") else MmaSchedule()
    if problem.alignment < 8:
        large = MmaSchedule(across=4, stages=4, blocks=1, depth_bytes=64 if problem.alignment == 4 else 32)
    if large.grid(rows, columns, batch) >= multiprocessors:
        return large
    return MmaSchedule(rows=64, columns=64, stages=6)


def choose_simt(
    problem: PointerProblem, rows: int, columns: int, batch: int = 1, multiprocessors: int = MULTIPROCESSORS
) -> SimtSchedule:
    """The schedule; where rows are copied in the widest pieces, registers are left for a deeper tile."""
    small = SimtSchedule(thread_rows=4, thread_columns=4, across=16, depth=16)
    if problem.element != "f32":
        return small
    wide = problem.alignment == _WHOLE
    large = SimtSchedule(depth=16 if problem.left_transposed and wide else 8)
    middle = SimtSchedule(thread_columns=8, depth=16 if wide else 8)

    def estimate(schedule: SimtSchedule, alone: float, pair: float) -> float:
        turns = -(-schedule.grid(rows, columns, batch) // multiprocessors)
        return turns // 2 * pair + turns % 2 * alone

    # Microseconds of a depth of 1024 on an H100: of a multiprocessor's block alone, and of two that share one.
    times = {large: (113.0, 195.0), middle: (62.0, 102.0), small: (40.0, 74.0)}
    return min(times, key=lambda schedule: estimate(schedule, *times[schedule]))
