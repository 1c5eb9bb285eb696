"""Operators along a dimension of tensors that have none: PyTorch takes them for vectors of one element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def scalar_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition of tensors of rank 0; all others are left alone."""
    return {
        aten.cumsum.default: _accumulated,
        aten.cumprod.default: lambda x, dim, *, dtype=None: _product(x, dim, dtype),
        **dict.fromkeys((aten.argmax.default, aten.argmin.default), _first_place),
        **dict.fromkeys((aten.amax.default, aten.amin.default), _itself),
        **dict.fromkeys((aten.max.dim, aten.min.dim, aten.kthvalue.default, aten.mode.default), _with_place),
        aten.as_strided.default: _element,
    }


def _accumulated(x: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Tensor:
    if x.dim() > 0:
        return cast("Tensor", NotImplemented)
    if dtype is None and not x.is_floating_point() and not x.is_complex():
        dtype = torch.int64
    return x.to(dtype) if dtype is not None and dtype is not x.dtype else x.clone()


def _product(x: Tensor, dim: int, dtype: torch.dtype | None) -> Tensor:
    """Upstream has no running product that changes the type."""
    if x.dim() == 0 or dtype is None:
        return _accumulated(x, dim, dtype=dtype)
    result: Tensor = aten.cumprod.default(x.to(dtype), dim)
    return result


def _first_place(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return torch.zeros_like(x, dtype=torch.int64) if x.dim() == 0 else cast("Tensor", NotImplemented)


def _itself(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return x.clone() if x.dim() == 0 else cast("Tensor", NotImplemented)


def _with_place(x: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    if x.dim() > 0:
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    return x.clone(), torch.zeros_like(x, dtype=torch.int64)


def _element(x: Tensor, size: list[int], stride: list[int], offset: int | None = None) -> Tensor:
    if x.dim() > 0 or offset or any(length != 1 for length in size):
        return cast("Tensor", NotImplemented)
    return x.reshape([1, *size]).reshape(size)
