"""Floats and integers under a scale that is no power of two, as models that arrive quantised say it: in f32."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from stepwell.support.fixed_point import Format, fit, smallest_format, whole
from stepwell.support.widths import Range

Array = np.ndarray[Any, np.dtype[Any]]

WAYS = ("divide", "reciprocal", "sign")
"""How a float becomes an integer: divided by the scale, or times its reciprocal (f32 rounds the two differently), or 1
for 0 and more and -1 for all others."""


@dataclass(frozen=True)
class Scale:
    """An integer ``n`` stands for ``n * step``; integers lie within ``ends``, rounding is to nearest, ties to even.

    Attributes:
        step: an f32.
        way: one of ``WAYS``.
        ends: lowest and highest integer.
    """

    step: float
    way: str
    ends: Range

    @property
    def kind(self) -> Format:
        """The narrowest format that has all integers."""
        return smallest_format(self.ends)


def quantize(values: Any, scale: Scale) -> Array:
    """f32 numbers as integers; NaN is 0, what lies outside becomes the nearest end."""
    if scale.way == "sign":
        return sign(values).astype(scale.kind.dtype)
    step = np.float32(scale.step)
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.asarray(values).astype(np.float32)
        # Scalars of torch are f64 until they meet a tensor of f32.
        scaled = array / step if scale.way == "divide" else array * np.float32(1.0 / float(step))
    low, high = scale.ends
    rounded = np.rint(np.nan_to_num(scaled.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
    return np.clip(rounded, low, high).astype(scale.kind.dtype)


def dequantize(values: Any, step: float) -> Array:
    """The f32 numbers that integers stand for, rounded as f32 rounds the integer and then the product."""
    return np.asarray(np.asarray(values).astype(np.float32) * np.float32(step))


def clamp(values: Any, ends: Range) -> Array:
    """Integers outside of ``ends`` become the nearest end."""
    return fit(np.clip(whole(values), *ends), smallest_format(ends), "saturate")


def sign(values: Any) -> Array:
    """1 for 0 and more, -1 below and for NaN."""
    return np.where(np.asarray(values) >= 0, 1, -1)


def integer_ratio(ratio: Fraction, bits: int) -> tuple[int, int]:
    """``(multiplier, shift)`` with a multiplier of ``bits`` bits whose ``multiplier * 2**-shift`` is nearest ``ratio``.

    Trailing zeros of the multiplier are dropped: a ratio that is a power of two is a shift.

    Raises:
        ValueError: a ratio that is not positive.
    """
    if ratio <= 0:
        raise ValueError(f"the ratio of two scales is positive, not {ratio}")
    shift = bits - 1 - math.floor(math.log2(ratio))
    multiplier = round(ratio * Fraction(2) ** shift)
    while multiplier >= 1 << bits:
        shift -= 1
        multiplier = round(ratio * Fraction(2) ** shift)
    zeros = (multiplier & -multiplier).bit_length() - 1
    return multiplier >> zeros, shift - zeros
