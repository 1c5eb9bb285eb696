"""How weights lie in memory: the width of a panel of a matrix, and of a block of a filter's output channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stepwell.passes.schedules.base import Key, Schedule, spell

# A packed filter may be this much larger than it was.
_MOST_PADDING = 1.3


@dataclass(frozen=True)
class PanelSchedule(Schedule):
    """Columns of a matrix that lie side by side."""

    kind: ClassVar[str] = "panel"

    width: int

    def fault(self, width: int, most: float) -> str:
        """Why a matrix of ``width`` columns can't be packed so; empty if it can."""
        padded = -(-width // self.width) * self.width
        return f"width {self.width} pads {width} columns to {padded}" if padded > most * width else ""


@dataclass(frozen=True)
class FilterSchedule(Schedule):
    """Output channels of a filter that lie side by side."""

    kind: ClassVar[str] = "filter"

    block: int

    def fault(self, channels: int) -> str:
        """Why blocks of a filter of ``channels`` channels can't be so wide; empty if they can."""
        padded = -(-channels // self.block) * self.block
        least = -(-channels // 4) * 4
        return (
            f"block {self.block} pads {channels} channels to {padded}" if padded > max(least, _most(channels)) else ""
        )


def panel_key(depth: int, width: int, element: str) -> Key:
    """What a database knows a packed matrix by."""
    return Key("panel", spell(reduced=depth, lanes=width), element)


def panel_schedule(width: int, vector: int, registers: int) -> PanelSchedule:
    """Whole vectors of elements, such that panels come out even where they can."""
    whole = -(-width // vector)
    counts = (3, 4, 2) if registers >= 32 else (2,)
    if whole < min(counts):
        return PanelSchedule(vector)
    return PanelSchedule(vector * next((count for count in counts if whole % count == 0), counts[0]))


def filter_key(window: tuple[int, int], depth: int, channels: int, element: str) -> Key:
    """What a database knows a packed filter by."""
    return Key("filter", spell(window=window, depth=depth, channels=channels), element)


def filter_schedule(channels: int, vector: int) -> FilterSchedule:
    """The fewest vector operations, little padding, two vectors."""
    if channels <= 2 * vector:
        return FilterSchedule(-(-channels // 4) * 4)

    def cost(block: int) -> tuple[float, int]:
        full, rest = divmod(channels, block)
        vectors = full * -(-block // vector) + -(-rest // vector)
        # A single vector of channels loads a scalar for each multiply-add.
        return vectors * (1.1 if block == vector else 1.0), abs(block - 2 * vector)

    sizes = [half * vector // 2 for half in range(2, 7)]
    return FilterSchedule(min((size for size in sizes if -(-channels // size) * size <= _most(channels)), key=cost))


def _most(channels: int) -> float:
    return _MOST_PADDING * channels
