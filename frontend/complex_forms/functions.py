"""Elementary functions.

Square root, inverse and hyperbolic functions by W. Kahan, Branch Cuts for Complex Elementary Functions, 1987.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.complex_forms.arithmetic import product, quotient, reciprocal
from stepwell.frontend.complex_forms.pair import Form, Pair, Parts, operands, parts

aten = torch.ops.aten

#: Exponents up to which a power is a product.
_MOST = 8

#: Where tanh is 1 in float64, and float32.
_FLAT = 22.0


def _abs(x: Pair) -> Tensor:
    return torch.hypot(x.re, x.im)


def _angle(x: Pair) -> Tensor:
    return torch.atan2(x.im, x.re)


def _sgn(x: Pair) -> Pair:
    size = torch.hypot(x.re, x.im)
    none = size == 0
    return Pair(torch.where(none, 0, x.re / size), torch.where(none, 0, x.im / size))


def _sqrt_of(x: Parts) -> Parts:
    real, imaginary = x
    half = torch.sqrt(0.5 * real.abs() + 0.5 * torch.hypot(real, imaginary))
    other = torch.where(half == 0, imaginary, imaginary / (2 * half))
    right = real >= 0
    infinite = imaginary.isinf()
    negative = (imaginary < 0) | (1 / imaginary < 0)  # also -0, of which the branch cuts ask
    return (
        torch.where(infinite, imaginary.abs(), torch.where(right, half, other.abs())),
        torch.where(infinite, imaginary, torch.where(right, other, torch.where(negative, -half, half))),
    )


def _sqrt(x: Pair) -> Pair:
    return Pair(*_sqrt_of((x.re, x.im)))


def _log(x: Pair) -> Pair:
    return Pair(torch.log(torch.hypot(x.re, x.im)), torch.atan2(x.im, x.re))


def _log_by(factor: float) -> Form:
    def form(x: Pair) -> Pair:
        found = _log(x)
        return Pair(found.re * factor, found.im * factor)

    return form


def _log1p(x: Pair) -> Pair:
    small = torch.hypot(x.re, x.im) < 0.5
    near = 0.5 * torch.log1p(x.re * (2 + x.re) + x.im * x.im)
    return Pair(torch.where(small, near, torch.log(torch.hypot(1 + x.re, x.im))), torch.atan2(x.im, 1 + x.re))


def _exp(x: Pair) -> Pair:
    size = torch.exp(x.re)
    return Pair(size * torch.cos(x.im), torch.where(x.im == 0, x.im, size * torch.sin(x.im)))


def _exp2(x: Pair) -> Pair:
    return _exp(Pair(x.re * _LN2, x.im * _LN2))


def _expm1(x: Pair) -> Pair:
    half = torch.sin(0.5 * x.im)
    real = torch.expm1(x.re) * torch.cos(x.im) - 2 * half * half
    return Pair(real, torch.exp(x.re) * torch.sin(x.im))


def _sinh(x: Pair) -> Pair:
    return Pair(torch.sinh(x.re) * torch.cos(x.im), torch.cosh(x.re) * torch.sin(x.im))


def _cosh(x: Pair) -> Pair:
    return Pair(torch.cosh(x.re) * torch.cos(x.im), torch.sinh(x.re) * torch.sin(x.im))


def _sin(x: Pair) -> Pair:
    return Pair(torch.sin(x.re) * torch.cosh(x.im), torch.cos(x.re) * torch.sinh(x.im))


def _cos(x: Pair) -> Pair:
    return Pair(torch.cos(x.re) * torch.cosh(x.im), -torch.sin(x.re) * torch.sinh(x.im))


def _tanh(x: Pair) -> Pair:
    real, imaginary = x.re, x.im
    flat = real.abs() > _FLAT
    tangent, sine = torch.tan(imaginary), torch.sinh(torch.clamp(real, -_FLAT, _FLAT))
    slope = 1 + tangent * tangent
    below = 1 + slope * sine * sine
    far = 4 * torch.sin(imaginary) * torch.cos(imaginary) * torch.exp(-2 * real.abs())
    return Pair(
        torch.where(flat, torch.sign(real), slope * torch.sqrt(1 + sine * sine) * sine / below),
        torch.where(flat, far, tangent / below),
    )


def _tan(x: Pair) -> Pair:
    return _turned(_tanh, x)


def _turned(form: Form, x: Pair) -> Pair:
    """``-i f(ix)``."""
    found = form(Pair(-x.im, x.re))
    return Pair(found.im, -found.re)


def _asin(x: Pair) -> Pair:
    less, more = _sqrt_of((1 - x.re, -x.im)), _sqrt_of((1 + x.re, x.im))
    real = torch.atan2(x.re, product(less, more)[0])
    return Pair(real, torch.asinh(less[0] * more[1] - less[1] * more[0]))


def _acos(x: Pair) -> Pair:
    less, more = _sqrt_of((1 - x.re, -x.im)), _sqrt_of((1 + x.re, x.im))
    return Pair(2 * torch.atan2(less[0], more[0]), torch.asinh(more[0] * less[1] - more[1] * less[0]))


def _acosh(x: Pair) -> Pair:
    less, more = _sqrt_of((x.re - 1, x.im)), _sqrt_of((x.re + 1, x.im))
    return Pair(torch.asinh(less[0] * more[0] + less[1] * more[1]), 2 * torch.atan2(less[1], more[0]))


def _asinh(x: Pair) -> Pair:
    return _turned(_asin, x)


def _atanh(x: Pair) -> Pair:
    size = x.re.abs()
    real = 0.25 * torch.log1p(4 * size / ((1 - size) * (1 - size) + x.im * x.im))
    return Pair(torch.where(x.re < 0, -real, real), 0.5 * torch.atan2(2 * x.im, (1 - x.re) * (1 + x.re) - x.im * x.im))


def _atan(x: Pair) -> Pair:
    return _turned(_atanh, x)


def _sigmoid(x: Pair) -> Pair:
    size = torch.exp(-x.re)
    below = 1 + size * torch.cos(x.im), -size * torch.sin(x.im)
    return Pair(*quotient((torch.ones_like(x.re), torch.zeros_like(x.re)), below))


def _pow(x: Any, exponent: Any) -> Pair:
    if isinstance(exponent, (int, float)) and float(exponent).is_integer() and 0 < abs(exponent) <= _MOST:
        found = _times(x, int(abs(exponent)))
        return found if exponent > 0 else reciprocal(found)
    if not isinstance(exponent, Tensor) and exponent == 0.5:
        return _sqrt(x)
    base, power = operands(x, exponent)
    base, power = _as_tensors(base), _as_tensors(power)
    log = torch.log(torch.hypot(*base)), torch.atan2(base[1], base[0])
    found = _exp(Pair(*product(log, power)))
    zero, none = (base[0] == 0) & (base[1] == 0), (power[0] == 0) & (power[1] == 0)
    at_zero = torch.where(none, 1.0, torch.where(power[0] > 0, 0.0, float("nan")))
    return Pair(
        torch.where(none, 1.0, torch.where(zero, at_zero, found.re)),
        torch.where(none, 0.0, torch.where(zero, at_zero, found.im)),
    )


def _as_tensors(pair: Parts) -> Parts:
    real, imaginary = (part if isinstance(part, Tensor) else torch.full([], float(part)) for part in pair)
    return real, imaginary


def _logaddexp(a: Any, b: Any) -> Any:
    first = parts(a)[0] >= parts(b)[0]
    larger, smaller = torch.where(first, a, b), torch.where(first, b, a)
    return larger + torch.log1p(torch.exp(smaller - larger))


def _times(x: Pair, count: int) -> Pair:
    """``x`` to the power ``count``, by squares."""
    if count == 1:
        return x
    half = _times(x, count // 2)
    square = product((half.re, half.im), (half.re, half.im))
    return Pair(*(product(square, (x.re, x.im)) if count % 2 else square))


_LN2 = 0.6931471805599453
_LN10 = 2.302585092994046

FORMS: dict[Any, Form] = {
    aten.abs: _abs,
    aten.angle: _angle,
    aten.sgn: _sgn,
    aten.sqrt: _sqrt,
    aten.rsqrt: lambda x: reciprocal(_sqrt(x)),
    aten.square: lambda x: _times(x, 2),
    aten.log: _log,
    aten.log2: _log_by(1 / _LN2),
    aten.log10: _log_by(1 / _LN10),
    aten.log1p: _log1p,
    aten.exp: _exp,
    aten.exp2: _exp2,
    aten.expm1: _expm1,
    aten.sin: _sin,
    aten.cos: _cos,
    aten.tan: _tan,
    aten.sinh: _sinh,
    aten.cosh: _cosh,
    aten.tanh: _tanh,
    aten.asin: _asin,
    aten.acos: _acos,
    aten.atan: _atan,
    aten.asinh: _asinh,
    aten.acosh: _acosh,
    aten.atanh: _atanh,
    aten.sigmoid: _sigmoid,
    aten.silu: lambda x: x * _sigmoid(x),
    aten.sinc: lambda x: _sinc(x),
    aten.pow: _pow,
    aten.ldexp: lambda x, power: x * torch.pow(2.0, power),
    aten.logaddexp: _logaddexp,
    aten.conj_physical: lambda x: Pair(x.re, -x.im),
    aten._conj_physical: lambda x: Pair(x.re, -x.im),
    aten._conj: lambda x: Pair(x.re, -x.im),
}


def _sinc(x: Pair) -> Pair:
    turns = Pair(torch.pi * x.re, torch.pi * x.im)
    none = (x.re == 0) & (x.im == 0)
    found = quotient(parts(_sin(turns)), parts(turns))
    return Pair(torch.where(none, 1.0, found[0]), torch.where(none, 0.0, found[1]))
