"""sin and cos of f32, for every finite argument.

``|x| * 2/pi`` modulo 4 is formed from products of ``x`` (24 bits) with pieces of 2/pi of at most 28 bits, each exact
in f64 (the idea of Payne and Hanek, 1983, without their integers); what is left is rounded to f32 and goes through
minimax polynomials (:mod:`bench.minimax`).
"""

from __future__ import annotations

import math

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.buffer.math.emitter import Emitter

# 2/pi cut into pieces of 28 bits; seven reach 2^-60 below the largest f32.
_TWO_OVER_PI = tuple(
    float.fromhex(text)
    for text in (
        "0x1.45f306cp-1",
        "0x1.c9c882ap-29",
        "0x1.4fe13a8p-59",
        "0x1.f47d4d0p-86",
        "0x1.bb81b6cp-113",
        "0x1.4acc9e0p-143",
        "0x1.0e4107cp-170",
    )
)
_ROUND = 1.5 * 2.0**52
_EIGHTH_TURN = 0.7853981

# (sin(x) / x - 1) / x^2 and (cos(x) - 1 + x^2/2) / x^4 in x^2, |x| <= pi/4.
_SIN = (-0.1666666716337204, 0.00833338312804699, -0.00019854654965456575, 2.8488063890108606e-06)
_COS = (0.041666653007268906, -0.001388760982081294, 2.446174949000124e-05)


def sin(e: Emitter, x: ir.Value) -> ir.Value:
    """Sine; NaN at infinity."""
    quadrant, r = _reduce(e, e.abs(x))
    sign = e.iand(e.bits(x), e.integer(0x80000000))
    return _value(e, quadrant, r, sign)


def cos(e: Emitter, x: ir.Value) -> ir.Value:
    """Cosine: the sine a quarter turn on."""
    quadrant, r = _reduce(e, e.abs(x))
    return _value(e, e.iadd(quadrant, e.integer(1)), r, e.integer(0))


def _value(e: Emitter, quadrant: ir.Value, r: ir.Value, sign: ir.Value) -> ir.Value:
    squared = e.mul(r, r)
    sine = e.fma(e.mul(r, squared), e.polynomial(squared, _SIN), r)
    cosine = e.fma(squared, e.real(-0.5), e.real(1.0))
    cosine = e.fma(e.mul(squared, squared), e.polynomial(squared, _COS), cosine)
    odd = e.nonzero(e.iand(quadrant, e.integer(1)))
    flip = e.ixor(e.shl(e.iand(quadrant, e.integer(2)), 30), sign)
    return e.from_bits(e.ixor(e.bits(e.select(odd, cosine, sine)), flip))


def _reduce(e: Emitter, magnitude: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The quadrant (its low two bits count) and the angle from its middle axis."""
    d = Emitter(e.like(ir.F64Type.get()), e.has_fma)
    wide = arith.ExtFOp(d.kind, magnitude).result
    parts = [_modulo_4(d, d.mul(wide, d.real(piece))) for piece in _TWO_OVER_PI]
    total = parts[0]
    for part in parts[1:]:
        total = d.add(total, part)
    rounded = d.add(total, d.real(_ROUND))
    # The whole quarter turns go first: then every sum is exact until the parts are too small to matter.
    rest = d.sub(parts[0], d.sub(rounded, d.real(_ROUND)))
    for part in parts[1:]:
        rest = d.add(rest, part)
    angle = arith.TruncFOp(e.kind, d.mul(rest, d.real(math.pi / 2))).result
    quadrant = arith.TruncIOp(e.integers, d.bits(rounded)).result
    small = e.less(magnitude, e.real(_EIGHTH_TURN))
    return e.select(small, e.integer(0), quadrant), e.select(small, magnitude, angle)


def _modulo_4(d: Emitter, x: ir.Value) -> ir.Value:
    turns = d.floor(d.mul(x, d.real(0.25)))
    return d.sub(x, d.mul(turns, d.real(4.0)))
