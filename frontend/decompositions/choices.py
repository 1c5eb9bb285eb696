"""Choices between operands that torch-mlir takes down to its own end, or to wrong sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def choice_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition of such operands; all others are left alone."""
    return {aten.where.self: _where}


def _where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Operands of two types in the common one; the same on both sides in the sizes that it has with the condition."""
    if x is y:
        return x.expand(torch.broadcast_shapes(condition.shape, x.shape)).clone()  # type: ignore[no-untyped-call]
    if x.dtype is y.dtype:
        return cast("Tensor", NotImplemented)
    common = torch.result_type(x, y)
    return torch.where(condition, x.to(common), y.to(common))
