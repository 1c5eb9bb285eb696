"""Normalisation by the root mean square, in PyTorch's arithmetic: upstream's own has no epsilon by default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten


def root_mean_square_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {aten.rms_norm.default: _normalise}


def _normalise(x: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """``x`` over its root mean square along the last dimensions; 16-bit numbers in float32, as torch does it."""
    wide = x.to(torch.float32) if x.dtype in (torch.float16, torch.bfloat16) else x
    axes = list(range(x.dim() - len(shape), x.dim()))
    square = (wide * wide).mean(axes, keepdim=True)
    result = wide * torch.rsqrt(square + (torch.finfo(wide.dtype).eps if eps is None else eps))
    if weight is not None:
        result = result * weight
    return result.to(x.dtype)
