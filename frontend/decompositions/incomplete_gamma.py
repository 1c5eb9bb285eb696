"""The regularised incomplete gamma functions by their series and continued fraction (DLMF 8.7.1, 8.9.2), in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.decompositions.float64 import in_float64
from stepwell.frontend.decompositions.loops import loop

aten = torch.ops.aten

_EPSILON = 2.0**-52
_TINY = 1e-300
#: Steps at most; both take some times the square root of the larger operand.
_STEPS = 20000


def incomplete_gamma_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {
        aten.igamma.default: in_float64(lambda a, x: _regularised(a, x)[0]),
        aten.igammac.default: in_float64(lambda a, x: _regularised(a, x)[1]),
        aten.special_gammainc.default: in_float64(lambda a, x: _regularised(a, x)[0]),
        aten.special_gammaincc.default: in_float64(lambda a, x: _regularised(a, x)[1]),
    }


def _regularised(a: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The lower and the upper function, each computed itself where it is the smaller one."""
    inside = (a > 0) & (x > 0) & (a < math.inf) & (x < math.inf)
    shape, place = torch.where(inside, a, 1.0), torch.where(inside, x, 1.0)
    near = place <= shape + 1
    factor = torch.exp(shape * torch.log(place) - place - torch.lgamma(shape))
    lower = factor / shape * _series(shape, torch.where(near, place, 1.0))
    upper = factor * _fraction(torch.where(near, 1.0, shape), torch.where(near, 3.0, place))
    lower, upper = torch.where(near, lower, 1 - upper), torch.where(near, 1 - lower, upper)
    at_end = torch.where((a == 0) | (x == math.inf), 1.0, 0.0)
    undefined = (a != a) | (x != x) | (a < 0) | (x < 0) | ((a == 0) & (x == 0)) | ((a == math.inf) & (x == math.inf))
    lower, upper = torch.where(inside, lower, at_end), torch.where(inside, upper, 1 - at_end)
    return torch.where(undefined, math.nan, lower), torch.where(undefined, math.nan, upper)


def _series(a: Tensor, x: Tensor) -> Tensor:
    """The sum of x**n / ((a + 1) ... (a + n)) from n = 0 on."""
    if x.numel() == 0:
        return x.clone()

    def goes_on(n: Tensor, term: Tensor, total: Tensor, a: Tensor, x: Tensor) -> Tensor:
        return (term > _EPSILON * total).any() & (n < _STEPS)

    def body(n: Tensor, term: Tensor, total: Tensor, a: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        term = term * x / (a + n)
        return n + 1, term, total + term

    start = torch.ones([], dtype=torch.float64, device=x.device)
    return loop(goes_on, body, (start, torch.ones_like(x), torch.ones_like(x)), (a, x))[2]


def _fraction(a: Tensor, x: Tensor) -> Tensor:
    """1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)) by Lentz's method in Thompson and Barnett's form."""
    if x.numel() == 0:
        return x.clone()

    def goes_on(n: Tensor, c: Tensor, d: Tensor, value: Tensor, change: Tensor, a: Tensor, x: Tensor) -> Tensor:
        return (torch.abs(change - 1) > _EPSILON).any() & (n < _STEPS)

    def body(
        n: Tensor, c: Tensor, d: Tensor, value: Tensor, change: Tensor, a: Tensor, x: Tensor
    ) -> tuple[Tensor, ...]:
        numerator, denominator = n * (a - n), x + 2 * n + 1 - a
        d = 1 / _not_zero(denominator + numerator * d)
        c = _not_zero(denominator + numerator / c)
        return n + 1, c, d, value * (c * d), c * d

    start = torch.ones([], dtype=torch.float64, device=x.device)
    first = 1 / _not_zero(x + 1 - a)
    carried = (start, torch.full_like(x, 1 / _TINY), first, first.clone(), torch.zeros_like(x))
    return loop(goes_on, body, carried, (a, x))[3]


def _not_zero(x: Tensor) -> Tensor:
    return torch.where(torch.abs(x) < _TINY, _TINY, x)
