"""What may be done to scores between their product and the softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from stepwell.backends.cuda.kernels.attention_tiles import Sizes, Tile, Values
from stepwell.backends.cuda.kernels.online_softmax import LOG2_E, Power
from stepwell.backends.cuda.kernels.real import Real, real
from stepwell.backends.cuda.kernels.word import Word

Adjust: TypeAlias = Callable[[Sequence[Real], Word, Word, Word, Word], Sequence[Real]]
"""From scores of (batch, head, query, key) and (batch, head, query, key + 1), times the scale, to those that count.

It is asked for queries and keys beyond the last ones too, for nothing."""

MakeAdjust: TypeAlias = Callable[[Values, Sizes], Adjust]
"""From the kernel's further arguments, and its sizes, to what adjusts scores."""


def power_of(sizes: Sizes, adjust: Adjust | None) -> Power:
    """How scores become weights: adjusted ones, which may be as large as their type holds, have the scale in them."""
    return Power(sizes.scale * LOG2_E) if adjust is None else Power(real(LOG2_E), bounded=False)


def adjusted(
    adjust: Adjust, sizes: Sizes, at: Tile, scores: Sequence[Real], queries: Sequence[Word], key: Word
) -> list[Real]:
    """The scores of a thread, two of a row in every eight columns from ``key`` on, as they count.

    Args:
        queries: of the thread's rows.
    """
    found: list[Real] = []
    for number in range(0, len(scores), 2):
        pair = [score * sizes.scale for score in scores[number : number + 2]]
        found += adjust(pair, at.batch, at.head, queries[number % 4 // 2], key + number // 4 * 8)
    return found
