"""Sliding windows over the last dimensions of an array: what convolutions and pooling read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Windows:
    """Sizes along each spatial dimension; ``padding`` stands on both sides, ``dilation`` is the distance of taps.

    The last windows may hang ``over`` the padding at the end; none if that is empty.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    over: tuple[int, ...] = ()

    @property
    def taps(self) -> int:
        """Elements of a window in one channel."""
        return math.prod(self.kernel)

    @property
    def margins(self) -> list[tuple[int, int]]:
        """What windows see before and behind an image along each dimension."""
        over = self.over or (0,) * len(self.padding)
        return [(p, p + more) for p, more in zip(self.padding, over, strict=True)]

    def sizes(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """How many windows lie along each dimension of an image; less than 1 where none fits."""
        return tuple(
            (size + before + behind - d * (k - 1) - 1) // s + 1
            for size, k, s, (before, behind), d in zip(
                spatial, self.kernel, self.strides, self.margins, self.dilation, strict=True
            )
        )

    def view(self, values: Array, fill: int = 0) -> Array:
        """(..., spatial) as (..., windows, kernel); ``fill`` stands in the padding."""
        lead = values.ndim - len(self.kernel)
        padded = np.pad(values, [(0, 0)] * lead + self.margins, constant_values=fill)
        spans = [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        view = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=tuple(range(lead, values.ndim)))
        steps = [1] * lead + [*self.strides, *self.dilation]
        return view[tuple(slice(None, None, step) for step in steps)]


def convolve(values: Array, weight: Array, windows: Windows, groups: int = 1) -> Array:
    """Sums of products in the arrays' arithmetic: (N, C, spatial), (O, C / groups, kernel) to (N, O, windows)."""
    rank = len(windows.kernel)
    inner, outer = weight.shape[1], weight.shape[0] // groups
    read = windows.view(values)
    axes = [1, *range(2 + rank, 2 + 2 * rank)]
    parts = [
        np.tensordot(
            read[:, g * inner : (g + 1) * inner],
            weight[g * outer : (g + 1) * outer],
            (axes, list(range(1, 2 + rank))),
        )
        for g in range(groups)
    ]
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)
