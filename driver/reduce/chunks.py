"""Delta debugging: leaving out large parts first, then smaller ones, down to single items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def leave_out(count: Callable[[], int], without: Callable[[int, int], bool]) -> bool:
    """Leave items out as long as what remains is of interest; says whether any was.

    After A. Zeller, R. Hildebrandt: Simplifying and isolating failure-inducing input (2002); from the end, as what
    comes late in a program is read by less.

    Args:
        count: how many items there are now.
        without: try to leave out the items from one number to before another; whether that was kept.
    """
    shrunk = False
    size = max(count() // 2, 1)
    while count() and size:
        kept_any = False
        end = count()
        while end > 0:
            start = max(end - size, 0)
            if without(start, end):
                kept_any = shrunk = True
            end = min(start, count())
        if not kept_any or size > 1:
            size //= 2
    return shrunk


def fewest(items: Sequence[T], enough: Callable[[Sequence[T]], bool]) -> list[T]:
    """A smallest selection of ``items``, in order, that is ``enough``; no single one of it can be left out."""
    kept = list(items)

    def without(start: int, end: int) -> bool:
        rest = kept[:start] + kept[end:]
        if not enough(rest):
            return False
        kept[:] = rest
        return True

    leave_out(lambda: len(kept), without)
    return kept


def first_true(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The least number from ``low`` to ``high`` that ``holds``, by bisection; ``high`` is taken for granted."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return high
