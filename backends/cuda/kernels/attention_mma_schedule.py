"""How an attention kernel of sm_80 to sm_89 is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.cuda.kernels.attention_schedule import PART, AttentionProblem
from stepwell.backends.cuda.kernels.chunks import CHUNK
from stepwell.backends.cuda.kernels.tensor_cores import DEPTH, ROW_BYTES
from stepwell.passes.schedules.base import Schedule

WARP = 32
STRIP = 16
"""Queries in one product."""

SHARED_LIMIT = 99 * 1024
"""Bytes of shared memory of a block that each of these chips has."""

_ALIGNMENT = 1024
_STAGES = 2


@dataclass(frozen=True)
class MmaSchedule(Schedule):
    """How attention is cut.

    Attributes:
        warps: of a block.
        strips: of 16 queries, of a warp: values in shared memory are read once for all of them.
        keys: whose scores are computed at a time.
    """

    kind: ClassVar[str] = "cuda-attention-mma"

    warps: int = 4
    strips: int = 2
    keys: int = 64

    @property
    def queries(self) -> int:
        """Of a block."""
        return self.warps * self.strips * STRIP

    @property
    def threads(self) -> int:
        """Of a block."""
        return self.warps * WARP

    def query_bytes(self, problem: AttentionProblem) -> int:
        """Of the queries in shared memory."""
        return problem.parts * self.queries * ROW_BYTES

    def tile_bytes(self, problem: AttentionProblem) -> int:
        """Of a block of keys, and of its values."""
        return problem.parts * self.keys * ROW_BYTES

    def shared_bytes(self, problem: AttentionProblem) -> int:
        """Dynamic shared memory of a block, with what aligning it may take."""
        return self.query_bytes(problem) + 2 * _STAGES * self.tile_bytes(problem) + _ALIGNMENT

    def check(self, problem: AttentionProblem, shared_limit: int) -> None:
        """Raise ValueError where the parts do not fit each other or the chip."""
        if self.warps not in (1, 2, 4, 8) or self.strips not in (1, 2):
            raise ValueError(f"1, 2, 4 or 8 warps have 1 or 2 strips each, not {self.warps} and {self.strips}")
        lines = self.threads // (ROW_BYTES // CHUNK)
        if self.keys % max(DEPTH, lines) or not 0 < self.keys <= 128:
            raise ValueError(f"keys at a time are a multiple of {max(DEPTH, lines)} up to 128, not {self.keys}")
        size = self.shared_bytes(problem)
        if size > shared_limit:
            raise ValueError(f"{size} bytes of shared memory are more than {shared_limit}")


def choose_mma_schedule(problem: AttentionProblem, *, adjusted: bool = False) -> MmaSchedule:
    """The schedule for a problem: what needs no more registers and shared memory than all of these chips have.

    Args:
        adjusted: whether something adjusts the scores, which takes registers.
    """
    problem.check()
    if problem.head <= PART and not adjusted:
        return MmaSchedule()
    if problem.head <= PART:
        return MmaSchedule(strips=1)
    if problem.head <= 2 * PART:
        return MmaSchedule(strips=1 if adjusted else 2, keys=32)
    return MmaSchedule(strips=1, keys=32)
