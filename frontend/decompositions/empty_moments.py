"""Variances and means of no elements: no number, where upstream's own arithmetic gives some."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def empty_moments() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; moments of what is known to have elements are left alone."""
    return {
        aten.var.correction: _variance,
        aten.std.correction: _deviation,
        aten.var_mean.correction: lambda x, *args, **kwargs: _with_mean(_variance, x, *args, **kwargs),
        aten.std_mean.correction: lambda x, *args, **kwargs: _with_mean(_deviation, x, *args, **kwargs),
    }


def _variance(
    x: Tensor, dim: Sequence[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> Tensor:
    """In f64 where the number of elements is open: they are divided by that of degrees of freedom, at least 0."""
    axes = _axes(x, dim)
    sizes = [x.shape[axis] for axis in axes]
    if any(isinstance(size, int) and size == 0 for size in sizes):
        return torch.full(_left(x, axes, keepdim), float("nan"), dtype=x.dtype)
    lost = 1 if correction is None else correction
    if all(isinstance(size, int) for size in sizes) or x.is_complex() or lost == 0 or lost != int(lost):
        return cast("Tensor", NotImplemented)
    count = math.prod(sizes)
    wide = x.to(torch.float64)  # rounded once
    difference = wide - wide.mean(axes, keepdim=True)
    freedom = torch.full([], count - int(lost), dtype=torch.float64, device=x.device).clamp(min=0)
    return ((difference * difference).sum(axes, keepdim=keepdim) / freedom).to(x.dtype)


def _deviation(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    variance = _variance(x, *args, **kwargs)
    return variance if variance is NotImplemented else variance.sqrt()


def _with_mean(
    moment: Callable[..., Tensor], x: Tensor, dim: Sequence[int] | None = None, *, keepdim: bool = False, **kwargs: Any
) -> tuple[Tensor, Tensor]:
    found = moment(x, dim, keepdim=keepdim, **kwargs)
    if found is NotImplemented:
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    return found, x.mean(_axes(x, dim), keepdim=keepdim)


def _axes(x: Tensor, dim: Sequence[int] | None) -> list[int]:
    return [axis % x.dim() for axis in dim] if dim and x.dim() else list(range(x.dim()))


def _left(x: Tensor, axes: Sequence[int], keepdim: bool) -> list[int]:
    return [1 if axis in axes else size for axis, size in enumerate(x.shape) if keepdim or axis not in axes]
