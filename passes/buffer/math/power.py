"""x^y of f32, as 2^(y log2 |x|) in f64, whose error is far below one of f32.

``log2(m) = 2/ln(2) atanh((m - 1) / (m + 1))`` and ``2^r`` are minimax polynomials (:mod:`bench.minimax`).
"""

from __future__ import annotations

import math

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.buffer.math.emitter import Emitter

_SQRT_HALF = 0x3FE6A09E667F3BCD
_ONE = 1023 << 52
_ROUND = 1.5 * 2.0**52

# log2((1 + s) / (1 - s)) / s in s^2, up to m = sqrt(2).
_LOG2 = (
    2.885390081777849,
    0.9617966941152439,
    0.5770779417635004,
    0.4122093176328477,
    0.31990285081652925,
    0.28294307772316146,
)

# 2^r on |r| <= 1/2.
_EXP2 = (
    1.0000000005550422,
    0.6931472057671827,
    0.2402264688609843,
    0.05550328711754405,
    0.009618489242602125,
    0.0013399957631544347,
    0.00015345789408553043,
)


def power(e: Emitter, x: ir.Value, y: ir.Value) -> ir.Value:
    """``x^y`` with the special cases of C (Annex F)."""
    d = Emitter(e.like(ir.F64Type.get()), e.has_fma)
    logarithm = _log2(d, arith.ExtFOp(d.kind, e.abs(x)).result)
    exponent = d.mul(arith.ExtFOp(d.kind, y).result, logarithm)
    exponent = d.select(d.equal(logarithm, d.real(0.0)), d.real(0.0), exponent)
    result = arith.TruncFOp(e.kind, _exp2(d, exponent)).result
    half = e.mul(y, e.real(0.5))
    integral, even = e.equal(e.floor(y), y), e.equal(e.floor(half), half)
    sign = e.select(even, e.integer(0), e.iand(e.bits(x), e.integer(0x80000000)))
    signed = e.from_bits(e.ixor(e.bits(result), sign))
    result = e.select(integral, signed, result)
    negative = e.both(e.less(x, e.real(0.0)), e.greater(x, e.real(-math.inf)))
    undefined = e.either(e.both(negative, e.differ(e.floor(y), y)), e.unordered(x, y))
    result = e.select(undefined, e.real(math.nan), result)
    one = e.either(e.equal(y, e.real(0.0)), e.equal(x, e.real(1.0)))
    return e.select(one, e.real(1.0), result)


def constant_power(e: Emitter, x: ir.Value, exponent: float) -> ir.Value | None:
    """``x^exponent`` for the exponents that a product or quotient gives within one unit, else None."""
    if exponent == 1.0:
        return x
    if exponent == 2.0:
        return e.mul(x, x)
    if exponent == 3.0:
        return e.mul(e.mul(x, x), x)
    if exponent == -1.0:
        return e.div(e.real(1.0), x)
    return None


def _log2(d: Emitter, x: ir.Value) -> ir.Value:
    """For x that f32 can hold, 0 to infinity; NaN gives any number."""
    bits = d.iadd(d.bits(x), d.integer(_ONE - _SQRT_HALF))
    # The exponent in the low bits of 2^52 is a float that needs no conversion.
    k = d.from_bits(d.ior(d.shr(bits, 52), d.integer((1023 + 52) << 52)))
    k = d.sub(k, d.real(2.0**52 + 1023))
    m = d.from_bits(d.iadd(d.iand(bits, d.integer((1 << 52) - 1)), d.integer(_SQRT_HALF)))
    s = d.div(d.sub(m, d.real(1.0)), d.add(m, d.real(1.0)))
    value = d.fma(s, d.polynomial(d.mul(s, s), _LOG2), k)
    value = d.select(d.equal(x, d.real(0.0)), d.real(-math.inf), value)
    return d.select(d.equal(x, d.real(math.inf)), d.real(math.inf), value)


def _exp2(d: Emitter, x: ir.Value) -> ir.Value:
    """Beyond +-160 the result is the same for f32."""
    x = d.at_most(d.at_least(x, -160.0), 160.0)
    rounded = d.add(x, d.real(_ROUND))
    r = d.sub(x, d.sub(rounded, d.real(_ROUND)))
    scale = d.from_bits(d.iadd(d.shl(d.bits(rounded), 52), d.integer(_ONE)))
    return d.mul(d.polynomial(r, _EXP2), scale)
