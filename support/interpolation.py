"""Functions of one wide fixed-point number: straight lines between the entries of a table, in integers to the last bit.

The upper bits of a number choose a line, the others how far along it is. An entry is the function in float64 times
``2**GUARD`` units of the result, rounded; the line's height is rounded to the result once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from stepwell.support.fixed_point import Format, quantize, scale_round, whole
from stepwell.support.tables import MAX_TABLE_BITS, look_up, on_numbers
from stepwell.support.widths import signed_width

Array = np.ndarray[Any, np.dtype[Any]]

MAX_BITS, MAX_RESULT_BITS = 16, 32
"""Of a number that lines are read with, and of what they give."""

GUARD = 3
"""Bits of fraction that entries have more than results."""

_FEWEST_BITS = 6
"""Of a number that chooses a line."""

_TOLERANCE = 0.5
"""Of a unit of the result, that the height of a line may be off by before it is rounded."""


@dataclass(frozen=True)
class Lines:
    """``rest``: bits of a number that say how far along its line it is; ``starts`` and ``rises``: for the upper bits of
    a number, modulo their count, where a line begins and what it gains over its length; ``off``: by how much of a unit
    of the result heights miss the function at most."""

    rest: int
    starts: Array
    rises: Array
    off: float

    @property
    def is_close(self) -> bool:
        """Whether results, rounded to nearest, are less than a unit off."""
        return self.off <= _TOLERANCE

    @property
    def widths(self) -> tuple[int, int]:
        """Bits of a start and of a rise."""
        starts, rises = (signed_width((int(v.min()), int(v.max()))) for v in (self.starts, self.rises))
        return starts, rises

    @property
    def shift(self) -> int:
        """Bits of fraction of heights beyond those of results."""
        return self.rest + GUARD

    def heights(self, values: Array) -> Array:
        """Those of integers of the source."""
        numbers = np.asarray(values).astype(np.int64)
        line = (numbers >> self.rest) & (len(self.starts) - 1)
        heights: Array = (self.starts[line] << self.rest) + self.rises[line] * (numbers & ((1 << self.rest) - 1))
        return heights


@cache
def lines(function: str, source: Format, result: Format) -> Lines:
    """The fewest lines that are close to the function everywhere; as many as a table has entries if none are."""
    found = None
    for bits in range(_FEWEST_BITS, MAX_TABLE_BITS + 1):
        found = _lines(function, source, result, source.width - bits)
        if found.is_close:
            break
    assert found is not None
    return found


def evaluate(values: Array, function: str, source: Format, result: Format, rounding: str) -> Array:
    """``function`` of integers of ``source``: from a table, or from lines where that would have too many entries."""
    if source.width <= MAX_TABLE_BITS:
        return look_up(values, function, source, result, rounding)
    drawn = lines(function, source, result)
    rounded = scale_round(drawn.heights(values), 1, drawn.shift, rounding)
    return np.asarray(np.clip(rounded, *result.range).astype(result.dtype))


@cache
def _exact(function: str, source: Format) -> Array:
    """The function of all numbers of ``source``, and of the one behind the last, in order."""
    low, high = source.range
    return on_numbers(function, range(low, high + 2), source.frac)


def _lines(function: str, source: Format, result: Format, rest: int) -> Lines:
    low, high = result.range
    # Beyond twice the range of results nothing is told apart, so that entries stay narrow.
    fine = Format(result.width + GUARD + 1 + (not result.signed), result.frac + GUARD)
    exact = _exact(function, source)
    ends = whole(quantize(exact[:: 1 << rest], fine, "half-even", "saturate"))
    upper = np.arange(source.range[0] >> rest, (source.range[1] >> rest) + 1) % (len(ends) - 1)
    starts, rises = np.empty(len(ends) - 1, np.int64), np.empty(len(ends) - 1, np.int64)
    starts[upper], rises[upper] = ends[:-1], np.diff(ends)
    drawn = Lines(rest, starts, rises, 0.0)
    numbers = np.arange(source.range[0], source.range[1] + 1)
    heights = np.ldexp(drawn.heights(numbers).astype(np.float64), -drawn.shift)
    with np.errstate(over="ignore"):
        wanted = np.ldexp(exact[:-1], result.frac)
    off = np.abs(np.clip(heights, low, high) - np.clip(wanted, low, high)).max()
    return Lines(rest, starts, rises, float(off))
