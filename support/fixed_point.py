"""Exact arithmetic of fixed-point numbers: what every level, the interpreter and the hardware must agree on.

A number of a format is an integer ``n`` and stands for ``n * 2**-frac``. Arrays hold ``n``: as int64 where every step
fits, else as Python integers (dtype object). Nothing here imports MLIR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stepwell.support.widths import Range, signed_width

Array = np.ndarray[Any, np.dtype[Any]]

ROUNDINGS = ("floor", "ceil", "to-zero", "half-up", "half-even", "half-away")
"""How what lies between two numbers is rounded; ``half-...`` goes to the nearest and says where a tie goes."""

OVERFLOWS = ("saturate", "wrap")
"""What becomes of a number outside of its format: the nearest end, or its low bits."""

MAX_WIDTH = 256
MAX_FRAC = 256

_INT64_BITS = 63  # with its sign an int64 has one more


@dataclass(frozen=True)
class Format:
    """``width`` bits, the lowest of which weighs ``2**-frac``; ``frac`` may be negative or exceed ``width``."""

    width: int
    frac: int = 0
    signed: bool = True

    @property
    def range(self) -> Range:
        """The lowest and the highest integer."""
        if self.signed:
            return -(1 << (self.width - 1)), (1 << (self.width - 1)) - 1
        return 0, (1 << self.width) - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest signed dtype that has every integer of the format; object where there is none."""
        storage = (bits for bits in (8, 16, 32, 64) if bits >= self.width + (not self.signed))
        return np.dtype(f"int{bits}") if (bits := next(storage, 0)) else np.dtype(object)

    def holds(self, values: Range) -> bool:
        """Whether every integer from ``values[0]`` to ``values[1]`` fits."""
        low, high = self.range
        return low <= values[0] and values[1] <= high

    def __str__(self) -> str:
        return f"{'signed' if self.signed else 'unsigned'} {self.width} bits, {self.frac} of them fraction"


def smallest_format(values: Range, frac: int = 0) -> Format:
    """The narrowest signed format of ``frac`` that holds ``values``."""
    return Format(signed_width(values), frac)


def whole(values: Any, bits: int = 0) -> Array:
    """Integers ready for arithmetic whose results need ``bits`` bits beside the sign: int64, or Python's if more."""
    array = np.asarray(values)
    if bits <= _INT64_BITS and array.dtype != object and array.dtype != np.uint64:
        return array.astype(np.int64)
    return array.astype(object)


def magnitude_bits(values: Array) -> int:
    """Bits that the largest magnitude in ``values`` needs."""
    if values.size == 0:
        return 0
    return max(abs(int(values.min())), abs(int(values.max()))).bit_length()


def compact(values: Array) -> Array:
    """Python integers as int64 where they fit."""
    if values.dtype == object and magnitude_bits(values) <= _INT64_BITS - 1:
        return values.astype(np.int64)
    return values


def scale_round(values: Any, multiplier: int, shift: int, rounding: str) -> Array:
    """``values * multiplier * 2**-shift`` rounded to integers, exactly."""
    array = np.asarray(values)
    bits = magnitude_bits(array) + multiplier.bit_length() + max(0, -shift)
    # Shifts by the width of int64 and more have no value in numpy.
    array = whole(array, max(bits, shift + 1)) * multiplier
    if shift <= 0:
        return compact(array << -shift)
    quotient, rest = array >> shift, array & ((1 << shift) - 1)
    return compact(quotient + _upwards(quotient, rest, 1 << (shift - 1), rounding))


def fit(values: Array, kind: Format, overflow: str) -> Array:
    """``values`` brought into ``kind``."""
    low, high = kind.range
    if overflow == "saturate":
        return compact(np.clip(whole(values, kind.width), low, high))
    cut = whole(values, kind.width + 1) & ((1 << kind.width) - 1)
    return compact(np.where(cut > high, cut - (1 << kind.width), cut) if kind.signed else cut)


def quantize(values: Array, kind: Format, rounding: str, overflow: str) -> Array:
    """Floating-point numbers as integers of ``kind``. NaN is 0; infinity the nearest end, 0 where numbers wrap."""
    real = np.asarray(values).astype(np.float64)
    with np.errstate(over="ignore"):
        scaled = np.ldexp(np.where(np.isfinite(real), real, 0.0), kind.frac)
    # Below a half only the sign matters; what underflowed keeps it, and the differences below become exact.
    scaled = np.where((real != 0) & (np.abs(scaled) < 0.5), np.copysign(0.25, real), scaled)
    low, high = kind.range
    down = np.floor(scaled)
    above = np.subtract(scaled, down, out=np.zeros_like(down), where=np.isfinite(down))
    rest = np.ldexp(above, 53).astype(np.int64)  # exact: 53 bits at most
    quotient = _integers(down, real, kind.frac)
    result = fit(quotient + _upwards(quotient, rest, 1 << 52, rounding), kind, overflow)
    if overflow == "saturate":
        result = np.where(np.isposinf(real), high, np.where(np.isneginf(real), low, result))
    return compact(result)


def dequantize(values: Array, frac: int, dtype: Any) -> Array:
    """The numbers that integers of ``frac`` stand for, rounded once (nearest, ties to even) to float32 or float64."""
    array = np.asarray(values)
    if magnitude_bits(array) > 53 and np.dtype(dtype) != np.float64:
        array = np.array([_round_to_odd(int(n)) for n in array.ravel()], object).reshape(array.shape)
    return np.ldexp(array.astype(np.float64), -frac).astype(dtype)


def _upwards(quotient: Array, rest: Array, half: int, rounding: str) -> Array:
    """Where what was cut, ``rest`` of ``2 * half`` above ``quotient``, takes it to the next integer."""
    if rounding == "floor":
        return np.zeros_like(quotient)
    if rounding == "ceil":
        up = rest != 0
    elif rounding == "to-zero":
        up = (rest != 0) & (quotient < 0)
    elif rounding == "half-up":
        up = rest >= half
    elif rounding == "half-even":
        up = (rest > half) | ((rest == half) & ((quotient & 1) == 1))
    else:
        up = (rest > half) | ((rest == half) & (quotient >= 0))
    return np.asarray(up, quotient.dtype)


def _integers(down: Array, real: Array, frac: int) -> Array:
    """Whole floating-point numbers as integers; those that scaling overflowed are made from ``real``."""
    if down.size == 0 or np.abs(down).max() < 2.0**62:
        return down.astype(np.int64)
    pairs = zip(down.ravel().tolist(), real.ravel().tolist(), strict=True)
    exact = [int(d) if np.isfinite(d) else int(r) << frac for d, r in pairs]
    result = np.empty(len(exact), object)
    result[:] = exact
    return result.reshape(down.shape)


def _round_to_odd(value: int) -> int:
    """To 53 bits, the lowest set where anything was cut: float32 rounds that as it would the whole."""
    spare = max(0, abs(value).bit_length() - 53)
    rest = value & ((1 << spare) - 1)
    return (value >> spare | (rest != 0)) << spare
