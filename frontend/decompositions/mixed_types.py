"""Operators on operands of two types, of which torch-mlir takes some combinations down to its own end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def mixed_type_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition of operands that differ; all others are left alone."""
    return {aten.where.self: _where}


def _where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    if x.dtype is y.dtype:
        return cast("Tensor", NotImplemented)
    common = torch.result_type(x, y)
    return torch.where(condition, x.to(common), y.to(common))
