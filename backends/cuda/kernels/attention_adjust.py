"""What may be done to scores between their product and the softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stepwell.backends.cuda.kernels.attention_tiles import Sizes, Tile, Values
from stepwell.backends.cuda.kernels.online_softmax import LOG2_E, Power
from stepwell.backends.cuda.kernels.real import Real, real
from stepwell.backends.cuda.kernels.word import Word


@dataclass(frozen=True)
class Place:
    """Where two scores beside each other are: the second one's key is the one behind ``key + distance``.

    Attributes:
        inside: whether there are such keys; the number of the query may be beyond the last one in any case.
    """

    batch: Word
    head: Word
    query: Word
    key: Word
    distance: int
    inside: bool


Adjust: TypeAlias = Callable[[Sequence[Real], Place], Sequence[Real]]
"""From two scores at a place, times the scale, to those that count."""

MakeAdjust: TypeAlias = Callable[[Values, Sizes], Adjust]
"""From the kernel's further arguments, and its sizes, to what adjusts scores."""


def power_of(sizes: Sizes, adjust: Adjust | None) -> Power:
    """How scores become weights: adjusted ones, which may be as large as their type holds, have the scale in them."""
    return Power(sizes.scale * LOG2_E) if adjust is None else Power(real(LOG2_E), bounded=False)


def adjusted(
    adjust: Adjust, sizes: Sizes, at: Tile, scores: Sequence[Real], queries: Sequence[Word], key: Word, *, inside: bool
) -> list[Real]:
    """The scores of a thread, two of a row in every eight columns from ``key`` on, as they count.

    Args:
        queries: of the thread's rows.
        inside: whether all keys are there.
    """
    found: list[Real] = []
    for number in range(0, len(scores), 2):
        pair = [score * sizes.scale for score in scores[number : number + 2]]
        place = Place(at.batch, at.head, queries[number % 4 // 2], key, number // 4 * 8, inside)
        found += adjust(pair, place)
    return found
