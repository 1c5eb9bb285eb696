"""Words of memory files."""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.backends.hls.components.base import Array


def word(values: Array | Sequence[int], bits: int) -> str:
    """Elements packed into one word in hexadecimal, the first in the lowest bits."""
    mask = (1 << bits) - 1
    packed = sum((int(value) & mask) << (i * bits) for i, value in enumerate(values))
    return f"{packed:0{-(-len(values) * bits // 4)}x}"
