"""Functions of probability and statistics by elementary ones. All compute in float64 and round once at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.decompositions.zeta_function import polygamma

aten = torch.ops.aten

#: Lanczos' approximation of the gamma function with g = 7 (coefficients: P. Godfrey).
_LANCZOS = (
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
)  # fmt: skip
_LANCZOS_G = 7.0

#: B(2k) / 2k of the asymptotic series of digamma, and B(2k) of that of its derivative, for k from 1.
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
_TRIGAMMA = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
_SHIFT = 10  # both series are taken behind this

#: Chebyshev coefficients of log(erfc(x) exp(x^2)) over t = 2 / (2 + x), see Numerical Recipes, section 6.2.2.
_ERFC = (
    -1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2, -9.561514786808631e-3, -9.46595344482036e-4,
    3.66839497852761e-4, 4.2523324806907e-5, -2.0278578112534e-5, -1.624290004647e-6, 1.303655835580e-6,
    1.5626441722e-8, -8.5238095915e-8, 6.529054439e-9, 5.059343495e-9, -9.91364156e-10, -2.27365122e-10,
    9.6467911e-11, 2.394038e-12, -6.886027e-12, 8.94487e-13, 3.13092e-13, -1.12708e-13, 3.81e-16, 7.106e-15,
    -1.523e-15, -9.4e-17, 1.21e-16, -2.8e-17,
)  # fmt: skip

#: Starting values of the inverse of erf, in the middle and towards the ends (W. J. Cody's form), before Newton's steps.
_INNER = (
    (0.886226899, -1.645349621, 0.914624893, -0.140543331),
    (1.0, -2.118377725, 1.442710462, -0.329097515, 0.012229801),
)
_OUTER = ((-1.970840454, -1.624906493, 3.429567803, 1.641345311), (1.0, 3.543889200, 1.637067800))
_BETWEEN = 0.7


def special_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {
        aten.lgamma.default: _in_float64(_log_gamma),
        aten.digamma.default: _in_float64(_digamma),
        aten.polygamma.default: _polygamma,
        aten.erfc.default: _in_float64(_erfc),
        aten.special_erfcx.default: _in_float64(_scaled_erfc),
        aten.special_ndtri.default: _in_float64(_inverse_normal),
        aten.special_log_ndtr.default: _in_float64(_log_normal),
        aten.erfinv.default: _in_float64(_inverse_erf),
    }


def _in_float64(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def decompose(x: Tensor) -> Tensor:
        result = function(x.to(torch.float64))
        return result.to(x.dtype if x.is_floating_point() else torch.get_default_dtype())

    return decompose


def _horner(coefficients: Sequence[float], x: Tensor) -> Tensor:
    """The polynomial whose first coefficient is the constant."""
    result = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result


def _log_gamma(x: Tensor) -> Tensor:
    low = x < 0.5
    positive = torch.where(low, 1 - x, x)
    shifted = positive - 1
    total = torch.full_like(x, _LANCZOS[0])
    for number, coefficient in enumerate(_LANCZOS[1:], 1):
        total = total + coefficient / (shifted + number)
    power = shifted + (_LANCZOS_G + 0.5)
    result = 0.5 * math.log(2 * math.pi) + (shifted + 0.5) * torch.log(power) - power + torch.log(total)
    fraction = torch.abs(x - torch.round(x))  # the sine of a large angle would lose it
    reflected = math.log(math.pi) - torch.log(torch.sin(math.pi * fraction)) - result
    result = torch.where(low, torch.where(fraction == 0, math.inf, reflected), result)
    return torch.where(torch.isinf(x), math.inf, result)


def _digamma(x: Tensor) -> Tensor:
    low = x < 0
    result, place = _above(torch.where(low, 1 - x, x), lambda at: -1 / at)
    inverse = 1 / (place * place)
    result = result + torch.log(place) - 0.5 / place - inverse * _horner(_DIGAMMA, inverse)
    fraction = x - torch.round(x)
    reflected = torch.where(fraction == 0, math.nan, result - math.pi / torch.tan(math.pi * fraction))
    result = torch.where(low, reflected, result)
    return torch.where(x == 0, -1 / x, torch.where(x == math.inf, math.inf, result))


def _polygamma(order: int, x: Tensor) -> Tensor:
    if order == 0:
        return _in_float64(_digamma)(x)
    if order == 1:
        return _in_float64(_trigamma)(x)
    return _in_float64(lambda place: polygamma(order, place))(x)


def _trigamma(x: Tensor) -> Tensor:
    low = x < 0.5
    result, place = _above(torch.where(low, 1 - x, x), lambda at: 1 / (at * at))
    inverse = 1 / (place * place)
    result = result + 1 / place + 0.5 * inverse + inverse / place * _horner(_TRIGAMMA, inverse)
    sine = torch.sin(math.pi * (x - torch.round(x)))
    return torch.where(low, (math.pi / sine) ** 2 - result, result)


def _above(x: Tensor, step: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """The sum of ``step`` over x, x + 1, ... and where it ends, beyond :data:`_SHIFT`."""
    total = torch.zeros_like(x)
    for number in range(_SHIFT):
        total = total + step(x + number)
    return total, x + _SHIFT


def _erfc(x: Tensor) -> Tensor:
    size = torch.abs(x)
    tail = torch.exp(-size * size) * _tail(size)
    return torch.where(x < 0, 2 - tail, tail)


def _scaled_erfc(x: Tensor) -> Tensor:
    size = torch.abs(x)
    tail = _tail(size)
    return torch.where(x < 0, 2 * torch.exp(x * x) - tail, tail)


def _tail(x: Tensor) -> Tensor:
    """``exp(x^2) erfc(x)`` of what is not negative, by Clenshaw's recurrence."""
    t = 2 / (2 + x)
    twice = 4 * t - 2
    last, before = torch.zeros_like(x), torch.zeros_like(x)
    for coefficient in reversed(_ERFC[1:]):
        last, before = twice * last - before + coefficient, last
    return t * torch.exp(0.5 * (_ERFC[0] + twice * last) - before)


def _log_normal(x: Tensor) -> Tensor:
    """The logarithm of the normal distribution."""
    below = torch.log(0.5 * _tail(torch.abs(x) * math.sqrt(0.5))) - 0.5 * x * x
    return torch.where(x < -1, below, torch.log1p(-0.5 * _erfc(x * math.sqrt(0.5))))


def _inverse_normal(x: Tensor) -> Tensor:
    return math.sqrt(2) * _inverse_erf(2 * x - 1)


def _inverse_erf(y: Tensor) -> Tensor:
    square = y * y
    inner = y * _horner(_INNER[0], square) / _horner(_INNER[1], square)
    size = torch.abs(y)
    root = torch.sqrt(-torch.log((1 - size) * 0.5))
    outer = torch.sign(y) * _horner(_OUTER[0], root) / _horner(_OUTER[1], root)
    x = torch.where(size <= _BETWEEN, inner, outer)
    for _ in range(2):
        x = x - (torch.erf(x) - y) / (2 / math.sqrt(math.pi) * torch.exp(-x * x))
    x = torch.where(size == 1, torch.sign(y) * math.inf, x)
    return torch.where(size > 1, math.nan, x)
