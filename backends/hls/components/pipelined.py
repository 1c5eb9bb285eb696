"""Components whose path between two clock edges registers can shorten."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from stepwell.backends.hls.components.base import Component


@dataclass(frozen=True)
class Pipelined(Component):
    """``registers``: so many of its places for one more are taken; each costs latency, and no cycles of a frame."""

    registers: int = field(default=0, kw_only=True)

    @property
    @abstractmethod
    def places(self) -> Sequence[str]:
        """Where registers go, the first ones first; a part that is cut several times is there as often."""

    def taken(self, place: str) -> int:
        """How many registers are there."""
        return list(self.places[: self.registers]).count(place)

    def spread(self, parallelism: tuple[int, ...]) -> Self:
        cut = super().spread(parallelism)
        return replace(cut, registers=min(cut.registers, cut.most_registers))

    @property
    def most_registers(self) -> int:
        """There is no place for more."""
        return len(self.places)


def held_levels(levels: int, registers: int) -> list[int]:
    """Behind so many of the levels of a tree there is a register; behind the last is one anyway."""
    parts = registers + 1
    return [part * levels // parts for part in range(1, parts)]
