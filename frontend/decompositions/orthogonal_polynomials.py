"""Hermite's, Laguerre's and Legendre's polynomials by their recurrences (DLMF 18.9), in float64.

Degrees are tensors, so the highest is known when the program runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.decompositions.float64 import in_float64
from stepwell.frontend.decompositions.loops import loop

aten = torch.ops.aten

#: From the degree k, the place, and the polynomials of degrees k - 1 and k to that of degree k + 1.
_Step = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def polynomial_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    functions: dict[Any, Callable[[Tensor, Tensor], Tensor]] = {
        aten.special_hermite_polynomial_h: lambda x, n: _polynomial(
            x, n, lambda x: 2 * x, lambda k, x, before, last: 2 * (x * last - k * before)
        ),
        aten.special_hermite_polynomial_he: lambda x, n: _polynomial(
            x, n, lambda x: x.clone(), lambda k, x, before, last: x * last - k * before
        ),
        aten.special_laguerre_polynomial_l: lambda x, n: _polynomial(
            x, n, lambda x: 1 - x, lambda k, x, before, last: ((2 * k + 1 - x) * last - k * before) / (k + 1)
        ),
        aten.special_legendre_polynomial_p: lambda x, n: _polynomial(
            x, n, lambda x: x.clone(), lambda k, x, before, last: ((2 * k + 1) * x * last - k * before) / (k + 1)
        ),
    }
    return {
        overload: in_float64(function)
        for operator, function in functions.items()
        for overload in (operator.default, operator.x_scalar, operator.n_scalar)
    }


def _polynomial(x: Tensor, n: Tensor, linear: Callable[[Tensor], Tensor], step: _Step) -> Tensor:
    """Of degrees that are cut to integers; 0 for negative ones."""
    degree = torch.trunc(n)
    result = torch.where(degree == 0, 1.0, torch.where(degree == 1, linear(x), 0.0))
    if x.numel() == 0:
        return result

    def goes_on(k: Tensor, before: Tensor, last: Tensor, result: Tensor, x: Tensor, degree: Tensor) -> Tensor:
        return (k < degree).any()

    def body(
        k: Tensor, before: Tensor, last: Tensor, result: Tensor, x: Tensor, degree: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        following = step(k, x, before, last)
        return k + 1, last.clone(), following, torch.where(degree == k + 1, following, result)

    start = torch.ones([], dtype=torch.float64, device=x.device)
    carried = (start, torch.ones_like(x), linear(x), result)
    return loop(goes_on, body, carried, (x, degree))[3]
