"""Comparisons of floats with whole numbers: upstream folds those of constants, taking the number for a float's bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten

_COMPARISONS = (
    aten.lt.Scalar, aten.le.Scalar, aten.gt.Scalar, aten.ge.Scalar, aten.eq.Scalar, aten.ne.Scalar,
)  # fmt: skip


def comparison_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> the same with a float; other operands are left alone."""
    return {operator: _with_float(operator) for operator in _COMPARISONS}


def _with_float(operator: Any) -> Callable[..., Any]:
    def compare(x: Tensor, number: bool | int | float) -> Tensor:
        if not x.is_floating_point() or not isinstance(number, int):
            return cast("Tensor", NotImplemented)
        result: Tensor = operator(x, float(number))
        return result

    return compare
