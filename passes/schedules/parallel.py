"""Into which pieces independent loops are cut for threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stepwell.passes.schedules.base import Key, Schedule, Size, spell


@dataclass(frozen=True)
class ParallelSchedule(Schedule):
    """How a loop is cut.

    Attributes:
        grain: the least work in a block, in scalar operations.
        blocks: the most blocks; 1 leaves the loop sequential.
    """

    kind: ClassVar[str] = "parallel"

    grain: int
    blocks: int


def parallel_key(trips: Sequence[Size], work: Size) -> Key:
    """What a database knows a nest of independent loops by: its iterations, and the work of an innermost one."""
    return Key("parallel", spell(trips=trips, work=work), "")
