"""The order in which tiles of a result are worked on."""

from __future__ import annotations

from stepwell.backends.cuda.kernels.word import Word


def raster(tile: Word, down: Word, across: Word, group: int) -> tuple[Word, Word, Word]:
    """Plane, row and column of a tile: ``group`` below each other, then the next column, for the L2 cache."""
    plane = down * across
    rest = tile % plane
    first = rest // (across * group) * group
    size = (down - first).minimum(group)
    rest = rest - first * across
    return tile // plane, first + rest % size, rest // size
