"""exp, exp2, expm1 of f32.

Reduction to ``x = k ln 2 + r`` with ``|r| <= ln 2 / 2`` in two steps (Cody and Waite, 1980), ``k`` rounded by adding
1.5 * 2^23; ``exp(r) = 1 + r + r^2 Q(r)`` with minimax Q (:mod:`bench.minimax`), of one degree less where what is lost
by the last addition leaves room for it.
"""

from __future__ import annotations

from torch_mlir import ir

from stepwell.passes.buffer.math.emitter import Emitter

_LOG2_E = 1.4426950408889634
_ROUND = 12582912.0
"""1.5 * 2^23: the sum with a small number has the number, rounded to an integer, in its low bits."""

# ln 2 in two parts; the first has so few bits that its product with k is exact.
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440054690583e-4
_LN2 = 0.6931471805599453

# (exp(r) - 1 - r) / r^2 on |r| <= ln 2 / 2.
_EXP = (
    0.5,
    0.16666647791862488,
    0.041666481643915176,
    0.008337773382663727,
    0.0013932971050962806,
    0.00017432624008506536,
)

# The same, one degree less; behind 1 + r as a polynomial for all of exp(r).
_EXP_SHORT = (0.4999999403953552, 0.1666652262210846, 0.04166822507977486, 0.0083681745454669, 0.001383633236400783)


def exp(e: Emitter, x: ir.Value) -> ir.Value:
    """e^x: 0 below -104, infinity above 89."""
    # Masked scores are -inf: a product that underflows to 0 takes processors over a hundred cycles.
    none, zero = e.less(x, e.real(-104.0)), e.real(0.0)
    rounded, r = _reduce(e, e.at_most(e.select(none, zero, x), 89.0))
    return e.select(none, zero, _scale(e, _whole(e, r), rounded))


def exp_weight(e: Emitter, x: ir.Value) -> ir.Value:
    """e^x for x from -87.3 to 88, NaN for NaN; anything, at full speed, for x below."""
    # The bias of the exponent comes with the rounding. Each power is no number, 0 or normal: nothing here underflows.
    rounded, r = _reduce(e, x, _ROUND + 127.0)
    return e.mul(_whole(e, r), e.from_bits(e.shl(e.bits(rounded), 23)))


def exp2(e: Emitter, x: ir.Value) -> ir.Value:
    """2^x; the reduction is exact."""
    x = e.at_most(e.at_least(x, -151.0), 129.0)
    rounded = e.add(x, e.real(_ROUND))
    r = e.sub(x, e.sub(rounded, e.real(_ROUND)))
    return _scale(e, e.add(_minus_one(e, e.mul(r, e.real(_LN2))), e.real(1.0)), rounded)


def expm1(e: Emitter, x: ir.Value) -> ir.Value:
    """e^x - 1. Half of the result is scaled, so that 2^128 is no factor."""
    rounded, r = _reduce(e, e.at_most(e.at_least(x, -20.0), 89.0))
    half = e.from_bits(e.iadd(e.shl(e.bits(rounded), 23), e.integer(126 << 23)))
    result = e.fma(half, _minus_one(e, r), e.sub(half, e.real(0.5)))
    return e.copysign(e.add(result, result), x)


def expm1_positive(e: Emitter, x: ir.Value) -> ir.Value:
    """e^x - 1 for x from 0 to 88."""
    rounded, r = _reduce(e, x)
    scale = _power(e, rounded)
    return e.fma(scale, _minus_one(e, r), e.sub(scale, e.real(1.0)))


def exp_normal(e: Emitter, x: ir.Value) -> ir.Value:
    """e^x for x from -87 to 88, whose result is a normal number."""
    rounded, r = _reduce(e, x)
    return e.mul(e.add(_minus_one(e, r), e.real(1.0)), _power(e, rounded))


def _reduce(e: Emitter, x: ir.Value, start: float = _ROUND) -> tuple[ir.Value, ir.Value]:
    """``k + start`` and ``r``."""
    rounded = e.fma(x, e.real(_LOG2_E), e.real(start))
    k = e.sub(rounded, e.real(start))
    r = e.fma(k, e.real(-_LN2_HIGH), x)
    return rounded, e.fma(k, e.real(-_LN2_LOW), r)


def _whole(e: Emitter, r: ir.Value) -> ir.Value:
    return e.polynomial(r, (1.0, 1.0, *_EXP_SHORT))


def _minus_one(e: Emitter, r: ir.Value) -> ir.Value:
    return e.fma(e.mul(r, r), e.polynomial(r, _EXP), r)


def _power(e: Emitter, rounded: ir.Value) -> ir.Value:
    """2^k where that is a normal number."""
    return e.from_bits(e.iadd(e.shl(e.bits(rounded), 23), e.integer(127 << 23)))


def _scale(e: Emitter, value: ir.Value, rounded: ir.Value) -> ir.Value:
    """``value * 2^k`` in two factors, so that subnormal results are rounded once and large ones become infinite."""
    bits = e.bits(rounded)
    first = e.iadd(e.shl(e.shr(bits, 1), 23), e.integer(127 << 23))
    second = e.isub(e.iadd(e.shl(bits, 23), e.integer(254 << 23)), first)
    return e.mul(e.mul(value, e.from_bits(first)), e.from_bits(second))
