"""Variances of no elements, or of any number of them: no number of none, where upstream's own arithmetic gives one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def empty_moments() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; moments of a known number of elements are left alone."""
    return {
        aten.var.correction: _variance,
        aten.std.correction: _deviation,
        aten.var_mean.correction: _variance_and_mean,
    }


def _variance_and_mean(
    x: Tensor, dim: list[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    variance = _variance(x, dim, correction=correction, keepdim=keepdim)
    if variance is NotImplemented:
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    return variance, torch.mean(x, dim or None, keepdim)


def _deviation(
    x: Tensor, dim: Sequence[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> Tensor:
    variance = _variance(x, dim, correction=correction, keepdim=keepdim)
    return variance if variance is NotImplemented else torch.sqrt(variance)


def _variance(
    x: Tensor, dim: Sequence[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> Tensor:
    axes: list[int] = [axis % x.dim() for axis in dim] if dim and x.dim() else list(range(x.dim()))
    known = all(isinstance(x.shape[axis], int) for axis in axes)
    less = 1 if correction is None else int(correction)
    if not known and x.is_floating_point() and less and correction in (None, less):
        return _of_any(x, axes, less, keepdim)
    if not any(isinstance(x.shape[axis], int) and x.shape[axis] == 0 for axis in axes):
        return cast("Tensor", NotImplemented)
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape) if keepdim or axis not in axes]
    return torch.full(shape, float("nan"), dtype=x.dtype)


def _of_any(x: Tensor, axes: list[int], correction: int, keepdim: bool) -> Tensor:
    """In float64, rounded once; no fewer degrees of freedom than 0."""
    wide = x.to(torch.float64)
    count = math.prod(x.shape[axis] for axis in axes)
    # As a tensor: torch takes sizes to be 2 at least, and would not compare.
    freedom = torch.clamp(torch.full([], count - correction, dtype=torch.float64, device=x.device), min=0)
    off = wide - wide.sum(axes, keepdim=True) / count
    result: Tensor = ((off * off).sum(axes, keepdim=keepdim) / freedom).to(x.dtype)
    return result
