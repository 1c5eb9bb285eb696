"""What the words for rounding mean, computed another way than the hardware's references."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stepwell.backends.hls.components.base import Array


def rounded(values: Array, rounding: str) -> Array:
    """To whole numbers by the definition of each mode, in float64: exact below 52 bits."""
    ways: dict[str, Callable[[Array], Array]] = {
        "floor": np.floor,
        "ceil": np.ceil,
        "to-zero": np.trunc,
        "half-up": lambda x: np.floor(x + 0.5),
        "half-even": np.rint,
        "half-away": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
    }
    return ways[rounding](values)


def clamped(values: Array, ends: tuple[int, int]) -> Array:
    """Whole numbers within ``ends``."""
    return np.minimum(np.maximum(values.astype(np.int64), ends[0]), ends[1])
