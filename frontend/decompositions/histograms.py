"""Histograms of equal bins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def histogram_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {
        aten.histc.default: lambda x, bins=100, *limits, **named: _counts(x, bins, *_limits(*limits, **named)),
        aten.histogram.bin_ct: _histogram,
    }


def _limits(min: float = 0, max: float = 0) -> tuple[float, float]:  # noqa: A002 (what PyTorch calls them)
    return min, max


def _counts(x: Tensor, bins: int, lowest: float, highest: float) -> Tensor:
    if not x.is_floating_point():
        return cast("Tensor", NotImplemented)
    flat = x.reshape(-1)
    low, high = _ends(flat, (lowest, highest) if lowest != highest else None)
    single = low == high
    low, high = torch.where(single, low - 1, low), torch.where(single, high + 1, high)
    return _sums(flat, torch.ones_like(flat), bins, low, high)


def _histogram(
    x: Tensor,
    bins: int = 100,
    *,
    range: Sequence[float] | None = None,  # noqa: A002 (what PyTorch calls it)
    weight: Tensor | None = None,
    density: bool = False,
) -> tuple[Tensor, Tensor]:
    """The weights in each bin, or their density, and the ends of the bins."""
    flat = x.reshape(-1)
    if range is None and not flat.shape[0]:
        range = (0.0, 1.0)  # noqa: A001
    low, high = _ends(flat, range)
    single = low == high
    low, high = torch.where(single, low - 0.5, low), torch.where(single, high + 0.5, high)
    weights = torch.ones_like(flat) if weight is None else weight.reshape(-1)
    sums = _sums(flat, weights, bins, low, high)
    edges = low + (high - low) * (torch.arange(bins + 1, dtype=x.dtype, device=x.device) / bins)
    if density:
        sums = sums / sums.sum() / ((high - low) / bins)
    return sums, edges


def _ends(flat: Tensor, limits: Sequence[float] | None) -> tuple[Tensor, Tensor]:
    if limits is None:
        return flat.amin(), flat.amax()
    low, high = (torch.full([], limit, dtype=flat.dtype, device=flat.device) for limit in limits)
    return low, high


def _sums(flat: Tensor, weights: Tensor, bins: int, low: Tensor, high: Tensor) -> Tensor:
    inside = (flat >= low) & (flat <= high)
    place = ((flat - low) / (high - low) * bins).to(torch.int64)
    place = torch.where(inside, torch.clamp(place, 0, bins - 1), 0)
    empty = torch.zeros(bins, dtype=flat.dtype, device=flat.device)
    return empty.scatter_add(0, place, torch.where(inside, weights, 0))
