"""Chebyshev polynomials of four kinds in their closed forms, in float64 (DLMF 18.5(i), continued beyond [-1, 1])."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.decompositions.float64 import in_float64

aten = torch.ops.aten

_Function = Callable[[Tensor], Tensor]


def chebyshev_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition, also of the polynomials shifted to [0, 1]."""
    table: dict[Any, Callable[..., Any]] = {}
    for letter, polynomial in (("t", _first), ("u", _second), ("v", _third), ("w", _fourth)):
        plain = getattr(aten, f"special_chebyshev_polynomial_{letter}")
        shifted = getattr(aten, f"special_shifted_chebyshev_polynomial_{letter}")
        for overload in ("default", "x_scalar", "n_scalar"):
            table[getattr(plain, overload)] = _of(polynomial, shift=False)
            table[getattr(shifted, overload)] = _of(polynomial, shift=True)
    return table


def _of(polynomial: Callable[[Tensor, Tensor], Tensor], *, shift: bool) -> Callable[..., Tensor]:
    def evaluate(x: Tensor, n: Tensor) -> Tensor:
        degree = torch.trunc(n)
        return torch.where(degree < 0, 0.0, polynomial(2 * x - 1 if shift else x, degree))

    return in_float64(evaluate)


def _angles(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the size of x: whether it is inside, its arc cosine, and the inverse of cosh."""
    size = torch.abs(x)
    return size < 1, torch.acos(torch.clamp(size, max=1)), torch.acosh(torch.clamp(size, min=1))


def _sign(x: Tensor, n: Tensor) -> Tensor:
    """(-1)**n where x is negative, else 1."""
    odd = torch.remainder(n, 2) != 0
    return torch.where((x < 0) & odd, -1.0, 1.0).to(x.dtype)


def _first(x: Tensor, n: Tensor) -> Tensor:
    inside, angle, reach = _angles(x)
    return _sign(x, n) * torch.where(inside, torch.cos(n * angle), torch.cosh(n * reach))


def _second(x: Tensor, n: Tensor) -> Tensor:
    return _sign(x, n) * _sines(x, n + 1, 1.0)


def _third(x: Tensor, n: Tensor) -> Tensor:
    return _sign(x, n) * torch.where(x < 0, _sines(x, n + 0.5, 0.5), _cosines(x, n + 0.5))


def _fourth(x: Tensor, n: Tensor) -> Tensor:
    return _sign(x, n) * torch.where(x < 0, _cosines(x, n + 0.5), _sines(x, n + 0.5, 0.5))


def _sines(x: Tensor, n: Tensor, unit: float) -> Tensor:
    """sin(n a) / sin(unit a) for cos(a) = abs(x)."""
    inside, angle, reach = _angles(x)
    within = torch.sin(n * angle) / torch.sin(unit * angle)
    beyond = torch.where(reach == 0, n / unit, torch.sinh(n * reach) / torch.sinh(unit * reach))
    return torch.where(inside, within, beyond)


def _cosines(x: Tensor, n: Tensor) -> Tensor:
    """cos(n a) / cos(a / 2) for cos(a) = abs(x)."""
    inside, angle, reach = _angles(x)
    within = torch.cos(n * angle) / torch.cos(0.5 * angle)
    return torch.where(inside, within, torch.cosh(n * reach) / torch.cosh(0.5 * reach))
