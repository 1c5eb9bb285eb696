"""Sums of 16-bit floats that are made in float32 and rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten

_NARROW = (torch.float16, torch.bfloat16)


def narrow_float_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition of 16-bit floats; all others are left alone."""
    return {aten.cumsum.default: _running_sum, aten.bilinear.default: _bilinear}


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
