"""Airy's function Ai in float64: series in the middle, expansions to the left, an integral to the right (DLMF 9)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.decompositions.float64 import in_float64

#: Ai(0) and -Ai'(0).
_VALUE, _SLOPE = 0.355028053887817239, 0.258819403792806798
#: Where the expansion takes over from the series, and where the integral does.
_LEFT, _RIGHT = -7.0, 1.0
_TERMS = 40
_EXPANDED = 12
#: Points of the trapezoidal rule and their distance, in units of x**(-1/4).
_POINTS, _STEP = 64, 0.1


def airy_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {torch.ops.aten.special_airy_ai.default: in_float64(airy_ai)}


def airy_ai(x: Tensor) -> Tensor:
    """Ai(x), off by 1e-12 at most; NaN for infinities, as PyTorch's is."""
    middle = _series(torch.clamp(x, _LEFT, _RIGHT))
    left = _expansion(torch.clamp(-x, min=-_LEFT))
    right = _integral(torch.clamp(x, min=_RIGHT))
    result = torch.where(x < _LEFT, left, torch.where(x > _RIGHT, right, middle))
    return torch.where(torch.isinf(x), math.nan, result)


def _series(x: Tensor) -> Tensor:
    """DLMF 9.4.1."""
    cube = x * x * x
    first, second = torch.full_like(x, _VALUE), -_SLOPE * x
    total = first + second
    for k in range(1, _TERMS):
        first = first * cube / ((3 * k - 1) * (3 * k))
        second = second * cube / ((3 * k) * (3 * k + 1))
        total = total + (first + second)
    return total


def _expansion(z: Tensor) -> Tensor:
    """Ai(-z), DLMF 9.7.9."""
    zeta = 2 / 3 * z * torch.sqrt(z)
    coefficient, power = 1.0, torch.ones_like(z)
    even, odd = torch.zeros_like(z), torch.zeros_like(z)
    for k in range(2 * _EXPANDED):
        sign = -1.0 if k % 4 in (2, 3) else 1.0
        if k % 2:
            odd = odd + sign * coefficient * power
        else:
            even = even + sign * coefficient * power
        coefficient *= (6 * k + 1) * (6 * k + 3) * (6 * k + 5) / (216 * (k + 1) * (2 * k + 1))
        power = power / zeta
    angle = zeta - math.pi / 4
    return (torch.cos(angle) * even + torch.sin(angle) * odd) / (math.sqrt(math.pi) * torch.sqrt(torch.sqrt(z)))


def _integral(x: Tensor) -> Tensor:
    """exp(-2/3 x**1.5) / pi times the integral of exp(-sqrt(x) t**2) cos(t**3 / 3) from 0 on (DLMF 9.5.6 moved).

    The rule's error falls exponentially, as both functions are even and analytic.
    """
    root = torch.sqrt(x)
    scale = 1 / torch.sqrt(root)
    points = torch.arange(_POINTS, dtype=torch.float64, device=x.device) * _STEP
    weights = torch.exp(-points * points) * torch.where(points == 0, 0.5, 1.0)
    terms = weights * torch.cos(points**3 / 3 * (scale * scale * scale).unsqueeze(-1))
    return torch.exp(-2 / 3 * x * root) / math.pi * scale * _STEP * terms.sum(-1)
