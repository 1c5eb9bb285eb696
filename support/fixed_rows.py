"""Softmax and normalisation of rows of fixed-point numbers, defined in integers to the last bit.

A row is the last dimension of an array. Both find one number for a row (a reciprocal, a reciprocal square root), which
every element is multiplied by; who uses the products rounds them, once. ``precision`` says how exact that number is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from stepwell.support.fixed_point import Format, compact, whole

Array = np.ndarray[Any, np.dtype[Any]]

PRECISIONS = (6, 24)
"""The lowest and the highest."""

NORMS = ("variance", "mean-square")
"""What a row is divided by the root of; by its variance once its mean is taken off."""


@dataclass(frozen=True)
class Softmax:
    """``exp(x - m) / sum(exp(x - m))`` for the largest ``m`` of a row.

    With ``P = precision`` and ``d = m - x``: ``e = round(exp(-d) * 2**P)`` (a tie goes up), ``s`` the sum of a row's
    ``e``, ``r = floor(2**K / s)`` where ``K = 2 * P + ceil(log2(length))``; the products are ``e * r``, which stand for
    ``e * r * 2**-K``. A reciprocal is off by less than ``2**-P`` of itself, an exponential by half of ``2**-P``.

    Attributes:
        length: of a row.
        source: format of what comes in.
    """

    length: int
    source: Format
    precision: int

    @property
    def fraction(self) -> int:
        """``K``: bits of fraction of the products."""
        return 2 * self.precision + (self.length - 1).bit_length()

    @property
    def entry_bits(self) -> int:
        """Bits of an address of :attr:`exponentials`."""
        last = math.ceil(math.ldexp((self.precision + 1) * math.log(2), self.source.frac)) + 1
        return min(last.bit_length(), self.source.width)

    @cached_property
    def exponentials(self) -> Array:
        """``e`` for each ``d`` in units of the source; what is behind the last entry is as that."""
        reals = (math.exp(math.ldexp(-d, -self.source.frac)) for d in range(1 << self.entry_bits))
        return np.array([math.floor(math.ldexp(real, self.precision) + 0.5) for real in reals], np.int64)

    def products(self, values: Array) -> Array:
        """``e * r``."""
        numbers = whole(values)
        differences = numbers.max(axis=-1, keepdims=True) - numbers
        shares = self.exponentials[np.minimum(differences, len(self.exponentials) - 1)]
        sums = whole(shares.sum(axis=-1, keepdims=True), self.fraction + 1)
        return np.asarray(whole(shares, self.fraction + 1) * ((1 << self.fraction) // sums))


@dataclass(frozen=True)
class Normalization:
    """``(x - mean) / sqrt(variance + epsilon)``, or without ``centered`` ``x / sqrt(mean of squares + epsilon)``.

    With ``S`` and ``Q`` the sums of a row's ``x`` and ``x**2`` in units of the source (``S = 0`` if not centered),
    ``n = length`` and ``G = precision``:

    - ``V = n * Q - S**2 + offset``, exactly;
    - ``V`` is moved left by ``2 * k`` bits until one of the two highest of its ``2 * H`` is set;
      its ``2 * G`` highest bits are ``M``;
    - ``q = floor(sqrt(M))`` and ``r = floor(2**(2 * G - 1) / q)``;
    - the products are ``((n * x - S) << k) * r``, which stand for that times ``2**-(H + G - 1)``.

    ``r`` is off by less than ``2**(2 - G)`` of itself. The results do not depend on ``H``.

    Attributes:
        offset: see :func:`variance_offset`.
    """

    length: int
    source: Format
    offset: int
    centered: bool
    precision: int

    @property
    def half_bits(self) -> int:
        """``H``: half of the bits that hold every ``V``, at least ``G``."""
        low, high = self.source.range
        largest = (high - low) ** 2 // 4 if self.centered else max(low**2, high**2)
        bits = (self.length**2 * largest + self.offset).bit_length()
        return max(self.precision, -(-bits // 2))

    @property
    def distance_bits(self) -> int:
        """Bits of ``(n * x - S) << k``, whose square is less than ``n * 2**(2 * H)``."""
        return self.half_bits + ((self.length - 1).bit_length() + 1) // 2 + 1

    @property
    def fraction(self) -> int:
        """Bits of fraction of the products."""
        return self.half_bits + self.precision - 1

    def products(self, values: Array) -> Array:
        """Distances from the mean times reciprocals."""
        n, half, precision = self.length, self.half_bits, self.precision
        numbers = whole(values, 2 * half + 2)
        sums = numbers.sum(axis=-1, keepdims=True) if self.centered else 0 * numbers[..., :1]
        spread = n * (numbers * numbers).sum(axis=-1, keepdims=True) - sums * sums + self.offset
        places = _each(lambda v: half - (v.bit_length() + 1) // 2, spread)
        mantissas = (spread.astype(object) << 2 * places) >> 2 * (half - precision)
        reciprocals = (1 << (2 * precision - 1)) // _each(math.isqrt, mantissas)
        distances = whole(n * numbers - sums, self.distance_bits + precision + 1) << compact(places)
        return np.asarray(distances * compact(reciprocals))


def variance_offset(epsilon: float, length: int, frac: int) -> int:
    """What ``epsilon`` adds to ``length**2`` times a variance of integers of ``frac``; at least 1."""
    return max(1, round(Fraction(epsilon) * length**2 * Fraction(2) ** (2 * frac)))


def _each(function: Callable[[int], int], values: Array) -> Array:
    """``function`` of every integer, as Python's integers."""
    return np.asarray(np.vectorize(lambda value: function(int(value)), otypes=[object])(values))
