"""Bessel functions by sums over the nodes of integrals, and by their expansions for large arguments, in float64.

Integrals of periodic analytic functions converge exponentially with the nodes (Trefethen and Weideman, SIAM Review 56,
2014). DLMF is the NIST Digital Library of Mathematical Functions. A dimension of nodes is added and summed over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.decompositions.float64 import in_float64

aten = torch.ops.aten

_NODES = 56  # over half a period
_LARGE = 25.0  # both kinds are expanded behind this
_LARGE_MODIFIED = 50.0
_LARGE_DECAYING = 20.0
_TERMS = 20
_STEP = 1 / 6  # of the integral of K, whose integrand ends below float64 at the last node
_STEPS = 46
_SMALL = 1.0  # the series of K are taken up to this

_Function = Callable[[Tensor], Tensor]


def bessel_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    modified: dict[Any, _Function] = {
        aten.i0.default: lambda x: _grown(_scaled_i(0, x), x),
        aten.special_i0e.default: lambda x: _scaled_i(0, x),
        aten.special_i1.default: lambda x: _grown(_scaled_i(1, x), x),
        aten.special_i1e.default: lambda x: _scaled_i(1, x),
        aten.special_modified_bessel_i0.default: lambda x: _grown(_scaled_i(0, x), x),
        aten.special_modified_bessel_i1.default: lambda x: _grown(_scaled_i(1, x), x),
        aten.special_modified_bessel_k0.default: lambda x: _scaled_k(0, x) * torch.exp(-x),
        aten.special_modified_bessel_k1.default: lambda x: _scaled_k(1, x) * torch.exp(-x),
        aten.special_scaled_modified_bessel_k0.default: lambda x: _scaled_k(0, x),
        aten.special_scaled_modified_bessel_k1.default: lambda x: _scaled_k(1, x),
    }
    oscillating: dict[Any, _Function] = {
        aten.special_bessel_j0.default: lambda x: _j(0, x),
        aten.special_bessel_j1.default: lambda x: _j(1, x),
        aten.special_bessel_y0.default: lambda x: _y(0, x),
        aten.special_bessel_y1.default: lambda x: _y(1, x),
        aten.special_spherical_bessel_j0.default: _spherical,
    }
    return {operator: in_float64(function) for operator, function in (modified | oscillating).items()}


def _angles(x: Tensor) -> Tensor:
    """The nodes in the middle of equal parts of half a period."""
    return (torch.arange(_NODES, dtype=torch.float64, device=x.device) + 0.5) * (math.pi / _NODES)


def _neumann(x: Tensor) -> Tensor:
    """At each node the sum of (-1)**k cos(2 k angle) / k, which weighs J(2k) in the series of Y (DLMF 10.8.3)."""
    k = torch.arange(1, _NODES // 2 + 1, dtype=torch.float64, device=x.device).unsqueeze(1)
    # cos(k pi) = (-1)**k goes into the angle.
    return (torch.cos(k * (2 * _angles(x) + math.pi)) / k).sum(0)


def _mean(terms: Tensor) -> Tensor:
    return terms.sum(-1) / _NODES


def _expansion(order: int, inverse: Tensor, start: int, step: int, sign: int) -> Tensor:
    """Every ``step``-th term of Hankel's expansion (DLMF 10.17.1), with ``sign`` between two of them."""
    coefficients, value = [], 1.0
    for k in range(_TERMS):
        coefficients.append(value)
        value *= (4 * order * order - (2 * k + 1) ** 2) / ((k + 1) * 8)
    chosen = coefficients[start::step]
    total = torch.full_like(inverse, chosen[-1] * sign ** (len(chosen) - 1))
    for place in reversed(range(len(chosen) - 1)):
        total = total * inverse**step + chosen[place] * sign**place
    return total * inverse**start


def _scaled_i(order: int, x: Tensor) -> Tensor:
    """``exp(-|x|) I(x)``: DLMF 10.32.3 and 10.40.1."""
    size = torch.abs(x)
    near = torch.clamp(size, max=_LARGE_MODIFIED).unsqueeze(-1)
    cosine = torch.cos(_angles(x))
    if order == 0:
        inner = _mean(torch.exp(near * (cosine - 1)))
    else:
        inner = _mean(cosine * torch.expm1(near * cosine)) * torch.exp(-near.squeeze(-1))
    far = torch.clamp(size, min=_LARGE_MODIFIED)
    outer = _expansion(order, 1 / far, 0, 1, -1) / torch.sqrt(2 * math.pi * far)
    result = torch.where(size > _LARGE_MODIFIED, outer, inner)
    return torch.where(x < 0, -result, result) if order else result


def _grown(scaled: Tensor, x: Tensor) -> Tensor:
    """Times exp(|x|), which alone might overflow."""
    root = torch.exp(0.5 * torch.abs(x))
    return scaled * root * root


def _scaled_k(order: int, x: Tensor) -> Tensor:
    """``exp(x) K(x)``: DLMF 10.31.2 (10.31.1), 10.32.9 and 10.40.2."""
    small = torch.clamp(x, max=_SMALL)
    inner = _series_of_k(order, small) * torch.exp(small)
    middle = torch.clamp(x, min=_SMALL, max=_LARGE_DECAYING).unsqueeze(-1)
    places = torch.arange(_STEPS, dtype=torch.float64, device=x.device) * _STEP
    weights = torch.where(places == 0, 0.5, 1.0) * (_STEP * torch.cosh(order * places))
    between = (weights * torch.exp(-middle * (torch.cosh(places) - 1))).sum(-1)
    far = torch.clamp(x, min=_LARGE_DECAYING)
    outer = _expansion(order, 1 / far, 0, 1, 1) * torch.sqrt(math.pi / 2 / far)
    result = torch.where(x <= _SMALL, inner, torch.where(x <= _LARGE_DECAYING, between, outer))
    return torch.where(x == 0, math.inf, torch.where(x < 0, math.nan, result))


def _series_of_k(order: int, x: Tensor) -> Tensor:
    square = x * x / 4
    digamma = [-0.57721566490153286]  # of 1, 2, ...
    for k in range(1, 12):
        digamma.append(digamma[-1] + 1 / k)
    whole, other = torch.zeros_like(x), torch.zeros_like(x)
    for k in reversed(range(10)):
        factor = 1 / (math.factorial(k) * math.factorial(k + order))
        whole = whole * square + factor
        other = other * square + factor * (digamma[k] + digamma[k + order])
    if order == 0:
        return -torch.log(x / 2) * whole + other / 2
    return 1 / x + torch.log(x / 2) * whole * x / 2 - other * x / 4


def _j(order: int, x: Tensor) -> Tensor:
    """DLMF 10.9.1 (10.9.2) and 10.17.3."""
    size = torch.abs(x)
    result = torch.where(size > _LARGE, _wave(order, size, torch.cos, torch.sin, -1), _near_j(order, size))
    return torch.where(x < 0, -result, result) if order else result


def _near_j(order: int, x: Tensor) -> Tensor:
    sine = torch.sin(_angles(x))
    angle = torch.clamp(x, max=_LARGE).unsqueeze(-1) * sine
    return _mean(sine * torch.sin(angle) if order else torch.cos(angle))


def _y(order: int, x: Tensor) -> Tensor:
    """Neumann's series with the integrals of J in it (DLMF 10.8.3; its derivative for order 1), and DLMF 10.17.4."""
    near = torch.clamp(x, max=_LARGE)
    sine, weights = torch.sin(_angles(x)), _neumann(x)
    angle = near.unsqueeze(-1) * sine
    logarithm = torch.log(near / 2) + 0.57721566490153286
    rest = _mean(weights * (sine * torch.sin(angle) if order else torch.cos(angle)))
    inner = (2 / math.pi) * (logarithm * _near_j(order, near) - 2 * rest)
    if order:
        inner = inner - (2 / math.pi) * _near_j(0, near) / near
    result = torch.where(x > _LARGE, _wave(order, x, torch.sin, torch.cos, 1), inner)
    return torch.where(x == 0, -math.inf, torch.where(x < 0, math.nan, result))


def _wave(order: int, x: Tensor, first: _Function, second: _Function, sign: int) -> Tensor:
    far = torch.clamp(x, min=_LARGE)
    phase = far - (order / 2 + 0.25) * math.pi
    even, odd = (_expansion(order, 1 / far, start, 2, -1) for start in (0, 1))
    return torch.sqrt(2 / (math.pi * far)) * (first(phase) * even + sign * second(phase) * odd)


def _spherical(x: Tensor) -> Tensor:
    return torch.where(x == 0, 1.0, torch.where(torch.isinf(x), 0.0, torch.sin(x) / x))
