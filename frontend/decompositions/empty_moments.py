"""Variances of no elements: no number, where upstream's own arithmetic gives one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def empty_moments() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; moments of any elements are left alone."""
    return dict.fromkeys((aten.var.correction, aten.std.correction), _nothing)


def _nothing(
    x: Tensor, dim: Sequence[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> Tensor:
    axes = [axis % x.dim() for axis in dim] if dim and x.dim() else range(x.dim())
    if not any(isinstance(x.shape[axis], int) and x.shape[axis] == 0 for axis in axes):
        return cast("Tensor", NotImplemented)
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape) if keepdim or axis not in axes]
    return torch.full(shape, float("nan"), dtype=x.dtype)
