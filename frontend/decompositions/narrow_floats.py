"""Functions and sums of 16-bit floats that are made in float32 and rounded once, as PyTorch's kernels do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten

_NARROW = (torch.float16, torch.bfloat16)

_ROUNDED_ONCE = (aten.cosine_similarity.default, aten.elu.default, aten.gelu.default, aten.selu.default)


def narrow_float_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition of 16-bit floats; all others are left alone."""
    return {
        aten.cumsum.default: _running_sum,
        aten.bilinear.default: _bilinear,
        aten.linalg_vector_norm.default: _norm,
        **{operator: _widened(operator) for operator in _ROUNDED_ONCE},
    }


def _widened(operator: Any) -> Callable[..., Tensor]:
    def compute(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if x.dtype not in _NARROW:
            return cast("Tensor", NotImplemented)
        wide = [arg.to(torch.float32) if isinstance(arg, Tensor) else arg for arg in args]
        result: Tensor = operator(x.to(torch.float32), *wide, **kwargs)
        return result.to(x.dtype)

    return compute


def _norm(
    x: Tensor, order: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Tensor:
    """Squares have room there, which 16 bits do not give them."""
    kind = dtype or x.dtype
    if kind not in _NARROW:
        return cast("Tensor", NotImplemented)
    result: Tensor = aten.linalg_vector_norm.default(x.to(torch.float32), order, dim, keepdim)
    return result.to(kind)


def _running_sum(x: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Tensor:
    kind = dtype or x.dtype
    if kind not in _NARROW:
        return cast("Tensor", NotImplemented)
    result: Tensor = aten.cumsum.default(x.to(torch.float32), dim)
    return result.to(kind)


def _bilinear(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if x.dtype not in _NARROW:
        return cast("Tensor", NotImplemented)
    wide = [None if value is None else value.to(torch.float32) for value in (x, y, weight, bias)]
    result: Tensor = aten.bilinear.default(*wide)
    return result.to(x.dtype)
