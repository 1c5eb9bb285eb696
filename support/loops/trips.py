"""How often loops run whose bounds depend on loops around them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from stepwell.support.loops.affine import Affine

Array = np.ndarray[Any, np.dtype[Any]]

Trips = tuple[tuple[Affine, ...], ...]
"""For each loop numbers of which the least is how often it runs, but at least once; none where that is its size."""

ENUMERATED = 1 << 22
"""Nests with more iterations than this are not enumerated; their loops always run as often as their sizes say."""


def values(index: Affine, sizes: Sequence[int]) -> Array:
    """``index`` in every iteration of loops of ``sizes``."""
    total = np.full(tuple(sizes), index.constant, np.int64)
    for level, coefficient in enumerate(index.coefficients):
        shape = [-1 if level == other else 1 for other in range(len(sizes))]
        total += coefficient * np.arange(sizes[level]).reshape(shape)
    return total


def ends(sizes: Sequence[int], trips: Trips, level: int) -> Array:
    """In every iteration the number of the last one of the loop at ``level``."""
    least = np.full(tuple(sizes), sizes[level], np.int64)
    for trip in trips[level] if trips else ():
        least = np.minimum(least, values(trip, sizes))
    return np.maximum(least, 1) - 1


def runs(sizes: Sequence[int], trips: Trips) -> Array:
    """Which iterations of the rectangle are run."""
    found = np.ones(tuple(sizes), bool)
    for level in range(len(sizes)):
        if trips and trips[level]:
            shape = [-1 if level == other else 1 for other in range(len(sizes))]
            found &= np.arange(sizes[level]).reshape(shape) <= ends(sizes, trips, level)
    return found


@lru_cache(maxsize=256)
def count(sizes: tuple[int, ...], trips: Trips) -> int:
    """Iterations that are run."""
    return int(runs(sizes, trips).sum()) if any(trips) else prod(sizes)
