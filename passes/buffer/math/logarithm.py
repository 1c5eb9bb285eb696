"""log, log2, log10, log1p of f32.

``x = 2^k (1 + f)`` with ``1 + f`` between sqrt(1/2) and sqrt(2), ``log(1 + f) = f - f^2/2 + f^3 P(f)`` with minimax P
(:mod:`bench.minimax`). For another base the result and ``k`` are multiplied by constants in two parts.
"""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.passes.buffer.math.emitter import Emitter

_SQRT_HALF = 0x3F3504F3
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440054690583e-4
_LOG10_2_HIGH, _LOG10_2_LOW = 0.30078125, 2.4874566398119521e-4

# log2(e) and log10(e): the high part has 12 bits, so that its product with 12 bits of f is exact.
_LOG2_E = (1.4423828125, 0.00031222840138827496)
_LOG10_E = (0.434326171875, -3.1689971748250145e-05)

# (log(1 + f) - f + f^2/2) / f^3.
_LOG = (
    0.3333331346511841,
    -0.2500016987323761,
    0.20002225041389465,
    -0.16659213602542877,
    0.14209423959255219,
    -0.12552154064178467,
    0.12112327665090561,
    -0.10904736816883087,
    0.05318373069167137,
)


def log(e: Emitter, x: ir.Value) -> ir.Value:
    """Natural logarithm."""
    k, f = _split(e, x)
    return _finish(e, x, _natural(e, k, f))


def log2(e: Emitter, x: ir.Value) -> ir.Value:
    """Logarithm to base 2."""
    k, f = _split(e, x)
    return _finish(e, x, _in_base(e, f, _LOG2_E, k, None))


def log10(e: Emitter, x: ir.Value) -> ir.Value:
    """Logarithm to base 10."""
    k, f = _split(e, x)
    high, low = e.mul(k, e.real(_LOG10_2_HIGH)), e.mul(k, e.real(_LOG10_2_LOW))
    return _finish(e, x, _in_base(e, f, _LOG10_E, high, low))


def log1p(e: Emitter, x: ir.Value) -> ir.Value:
    """log(1 + x): the power of two is that of the rounded sum, the reduced number is exact."""
    bits = e.isub(e.bits(e.add(x, e.real(1.0))), e.integer(_SQRT_HALF))
    exponent = e.sar(bits, 23)
    # 2^(2-k) and x/4, since 2^-k may be subnormal.
    scale = e.from_bits(e.isub(e.integer(129 << 23), e.shl(exponent, 23)))
    f = e.fma(e.mul(x, e.real(0.25)), scale, e.fma(scale, e.real(0.25), e.real(-1.0)))
    result = _natural(e, e.to_real(exponent), f)
    result = e.select(e.equal(x, e.real(-1.0)), e.real(-math.inf), result)
    result = e.select(e.less(x, e.real(-1.0)), e.real(math.nan), result)
    result = e.select(e.less(e.abs(x), e.real(2.0**-25)), x, result)
    return e.select(e.less(x, e.real(math.inf)), result, x)


def _split(e: Emitter, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """``k`` and ``f``; subnormal numbers are scaled first."""
    small = e.less(x, e.real(2.0**-126))
    scaled = e.select(small, e.mul(x, e.real(2.0**23)), x)
    bits = e.isub(e.bits(scaled), e.integer(_SQRT_HALF))
    mantissa = e.iadd(e.iand(bits, e.integer(0x7FFFFF)), e.integer(_SQRT_HALF))
    k = e.sub(e.to_real(e.sar(bits, 23)), e.select(small, e.real(23.0), e.real(0.0)))
    return k, e.sub(e.from_bits(mantissa), e.real(1.0))


def _natural(e: Emitter, k: ir.Value, f: ir.Value) -> ir.Value:
    squared = e.mul(f, f)
    tail = e.fma(e.mul(squared, f), e.polynomial(f, _LOG), e.mul(k, e.real(_LN2_LOW)))
    tail = e.fma(squared, e.real(-0.5), tail)
    return e.fma(k, e.real(_LN2_HIGH), e.add(f, tail))


def _in_base(e: Emitter, f: ir.Value, constant: tuple[float, float], high: ir.Value, low: ir.Value | None) -> ir.Value:
    """``high + low + constant * log(1 + f)``, with the leading products exact."""
    squared = e.mul(f, f)
    half = e.mul(squared, e.real(0.5))
    rest = e.mul(e.mul(squared, f), e.polynomial(f, _LOG))
    # f - f^2/2 as 12 bits and what is left.
    top = e.from_bits(e.iand(e.bits(e.sub(f, half)), e.integer(0xFFFFF000)))
    rest = e.add(e.sub(e.sub(f, top), half), rest)
    first, second = (e.real(part) for part in constant)
    tail = e.fma(rest, second, e.fma(top, second, e.mul(rest, first)))
    if low is not None:
        tail = e.add(tail, low)
    product = e.mul(top, first)
    total = e.add(high, product)
    # What the sum lost: the larger of the two parts is high unless k is 0, where nothing is lost.
    return e.add(total, e.add(tail, e.add(e.sub(high, total), product)))


def _finish(e: Emitter, x: ir.Value, result: ir.Value) -> ir.Value:
    """-infinity at 0, NaN below, infinity and NaN as they are."""
    special = e.select(e.less(x, e.real(0.0)), e.real(math.nan), x)
    special = e.select(e.equal(x, e.real(0.0)), e.real(-math.inf), special)
    normal = e.both(e.greater(x, e.real(0.0)), e.less(x, e.real(math.inf)))
    return e.select(normal, result, special)
