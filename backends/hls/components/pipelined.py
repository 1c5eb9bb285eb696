"""Components whose path between two clock edges registers can shorten."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

from stepwell.backends.hls.components.base import Component


@dataclass(frozen=True)
class Pipelined(Component):
    """``registers``: so many more lie on the way than it has anyway; each is a cycle of latency, and no slower."""

    registers: int = field(default=0, kw_only=True)

    @property
    @abstractmethod
    def most_registers(self) -> int:
        """There is no place for more."""
