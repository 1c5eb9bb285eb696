"""Hurwitz' zeta function by Euler and Maclaurin's formula (DLMF 25.11.5), and polygamma functions by it, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.decompositions.float64 import in_float64

aten = torch.ops.aten

#: B(2k) / (2k)! for k from 1.
_BERNOULLI = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
    -3617 / 10670622842880000,
)  # fmt: skip
_SUMMED = 12


def zeta_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    zeta = aten.special_zeta
    return dict.fromkeys((zeta.default, zeta.self_scalar, zeta.other_scalar), in_float64(hurwitz))


def polygamma(order: int, x: Tensor) -> Tensor:
    """The derivative of digamma of ``order`` > 0 (DLMF 25.11.12); x in float64."""
    sign = 1.0 if order % 2 else -1.0
    return sign * math.factorial(order) * hurwitz(torch.full_like(x, float(order + 1)), x)


def hurwitz(s: Tensor, q: Tensor) -> Tensor:
    """zeta(s, q) in float64; the terms with q + n < 0 are summed as differences of two zetas."""
    floor = torch.floor(q)
    fraction = q - floor
    negative = (q < 0) & (fraction != 0)
    odd = torch.remainder(s, 2) != 0
    below = _positive(s, 1 - fraction) - _positive(s, torch.where(negative, 1 - q, 1.0))
    reflected = _positive(s, torch.where(negative, fraction, 1.0)) + torch.where(odd, -below, below)
    result = torch.where(negative, reflected, _positive(s, torch.where(q > 0, q, 1.0)))
    result = torch.where(negative & (s != torch.floor(s)), math.nan, result)
    result = torch.where((q <= 0) & (fraction == 0), math.inf, result)
    result = torch.where(s == 1, math.inf, torch.where(s < 1, math.nan, result))
    return torch.where((s != s) | (q != q), math.nan, result)


def _positive(s: Tensor, q: Tensor) -> Tensor:
    """For s > 1 and q > 0."""
    numbers = torch.arange(_SUMMED, dtype=torch.float64, device=q.device)
    total = torch.pow(q.unsqueeze(-1) + numbers, -s.unsqueeze(-1)).sum(-1)
    place = q + _SUMMED
    power = torch.pow(place, -s)
    total = total + power * place / (s - 1) + power / 2
    rising = s * power / place
    for k, coefficient in enumerate(_BERNOULLI):
        total = total + coefficient * rising
        rising = rising * (s + 2 * k + 1) * (s + 2 * k + 2) / (place * place)
    return total
