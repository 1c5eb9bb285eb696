"""8-bit floats as bits: to f32 exactly, and from f32 or f64 to nearest, ties to even."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.buffer.math.emitter import Emitter

_SIGN = 0x80
_ALL = 0x7F


@dataclass(frozen=True)
class Format:
    """A format of 8 bits with a sign in front.

    Attributes:
        fraction: its bits.
        bias: of the exponent.
        infinity: its bits; None where there are none, and only all bits set are NaN.
    """

    fraction: int
    bias: int
    infinity: int | None

    @property
    def spacing(self) -> int:
        """The exponent of the distance between subnormal numbers."""
        return 1 - self.bias - self.fraction


FORMATS = {"f8E4M3FN": Format(3, 7, None), "f8E5M2": Format(2, 15, 0x7C)}


def extend(e: Emitter, bits: ir.Value, source: Format) -> ir.Value:
    """The f32 that ``bits``, an integer of 32 bits, stand for."""
    magnitude = e.iand(bits, e.integer(_ALL))
    shifted = e.shl(magnitude, 23 - source.fraction)
    normal = e.iadd(shifted, e.integer((127 - source.bias) << 23))
    subnormal = e.bits(e.mul(e.to_real(magnitude), e.real(2.0**source.spacing)))
    found = e.select(_below(magnitude, e.integer(1 << source.fraction)), subnormal, normal)
    largest = _ALL - 1 if source.infinity is None else source.infinity - 1
    # The exponent of infinities and NaN; a fraction behind it stays.
    special = e.ior(shifted, e.integer(0xFF << 23))
    found = e.select(_below(e.integer(largest), magnitude), special, found)
    sign = e.shl(e.iand(bits, e.integer(_SIGN)), 24)
    return e.from_bits(e.ior(found, sign))


def round_to(e: Emitter, value: ir.Value, target: Format) -> ir.Value:
    """The bits of ``value``, an f32 or f64, in an integer of its width; what there is no room for is infinite or NaN.

    Numbers below the normal ones are added to one whose last bit is as much as theirs: the addition rounds.
    """
    fraction, bias = (23, 127) if e.width == 32 else (52, 1023)
    shift = fraction - target.fraction
    bits = e.bits(value)
    sign = e.iand(e.shr(bits, e.width - 8), e.integer(_SIGN))
    magnitude = e.iand(bits, e.integer((1 << (e.width - 1)) - 1))
    odd = e.iand(e.shr(magnitude, shift), e.integer(1))
    moved = ((target.bias - bias) << fraction) + (1 << (shift - 1)) - 1
    normal = e.shr(e.iadd(e.iadd(magnitude, odd), e.integer(moved % (1 << e.width))), shift)
    unit = e.real(2.0 ** (fraction + target.spacing))
    subnormal = e.isub(e.bits(e.add(e.from_bits(magnitude), unit)), e.bits(unit))
    small = _below(magnitude, e.integer((bias - target.bias + 1) << fraction))
    found = e.select(small, subnormal, normal)
    most = _ALL if target.infinity is None else target.infinity
    found = e.select(_below(e.integer(most), found), e.integer(most), found)
    if target.infinity is not None:
        found = e.select(e.unordered(value, value), e.integer(_ALL), found)
    return e.ior(found, sign)


def _below(a: ir.Value, b: ir.Value) -> ir.Value:
    return arith.CmpIOp(arith.CmpIPredicate.ult, a, b).result
