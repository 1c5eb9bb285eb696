"""Sizes at which a dynamic model is tried: the smallest, the largest, and some in between."""

from __future__ import annotations

import random

from examples.models import Dynamic


def pick(dynamic: Dynamic, count: int) -> list[tuple[int, ...]]:
    """``count`` different size tuples (fewer where there are not so many), always the same; the corners come first."""
    ranges = list(dynamic.sizes.values())
    chosen = dict.fromkeys([tuple(low for low, _ in ranges), tuple(high for _, high in ranges)])
    possible = 1
    for low, high in ranges:
        possible *= high - low + 1
    generator = random.Random(0)
    while len(chosen) < min(count, possible):
        chosen[tuple(generator.randint(low, high) for low, high in ranges)] = None
    return list(chosen)[:count]
