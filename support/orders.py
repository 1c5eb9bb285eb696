"""Orders in which the elements of a tensor follow each other in a stream."""

from __future__ import annotations

from collections.abc import Sequence

ROW_MAJOR = "row-major"
CHANNELS_LAST = "channels-last"
"""Of images (N, C, sizes): all channels of a pixel follow each other."""

ORDERS = (ROW_MAJOR, CHANNELS_LAST)


def dimensions(rank: int, order: str) -> tuple[int, ...]:
    """The dimensions of a tensor, the outermost first as its elements come."""
    return (0, *range(2, rank), 1) if order == CHANNELS_LAST else tuple(range(rank))


def innermost(shape: Sequence[int], order: str) -> int:
    """The size of the dimension whose elements follow each other."""
    return shape[1] if order == CHANNELS_LAST else shape[-1]
