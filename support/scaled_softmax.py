"""Softmax of rows of fixed-point numbers whose exponentials have a power of two each, defined in integers.

Nothing needs to be known of a row before its exponentials are added up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from stepwell.support.fixed_point import Format, whole
from stepwell.support.fixed_rows import Softmax
from stepwell.support.tables import MAX_TABLE_BITS

Array = np.ndarray[Any, np.dtype[Any]]

_GUARD = 1
"""Bits of fraction that entries of :class:`Reciprocal` have more than what it gives."""


@dataclass(frozen=True)
class Reciprocal:
    """``2**(2 * P + 1) / value`` for ``2**P <= value < 2**(P + 1)``, on straight lines between the entries of a table.

    ``P = precision``. The half of the bits below the highest, rounded up, chooses a line, the others say how far along
    it the value is. The result is rounded down.
    """

    precision: int

    @property
    def chosen(self) -> int:
        """Bits that choose a line."""
        return -(-self.precision // 2)

    @property
    def along(self) -> int:
        """Bits that say how far along it."""
        return self.precision - self.chosen

    @property
    def shift(self) -> int:
        """Bits of fraction of a line's height beyond those of the result."""
        return self.along + _GUARD

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins, and where the last one ends."""
        power = 1 << (2 * self.precision + 2 + _GUARD)
        values = ((1 << self.precision) + (line << self.along) for line in range((1 << self.chosen) + 1))
        return [(power // value + 1) // 2 for value in values]

    @cached_property
    def falls(self) -> list[int]:
        """What each line loses over its length."""
        return [before - after for before, after in zip(self.starts, self.starts[1:], strict=False)]

    def of(self, value: int) -> int:
        """The reciprocal."""
        line = (value >> self.along) - (1 << self.chosen)
        place = value & ((1 << self.along) - 1)
        return ((self.starts[line] << self.along) - self.falls[line] * place) >> self.shift


@dataclass(frozen=True)
class ScaledSoftmax:
    """``exp(x) / sum(exp(x))``, where the format of ``x`` reaches no further than exponentials matter.

    With ``P = precision``: ``exp(x)`` is ``a * 2**p``, up to a power of two that all have in common, where ``a`` has
    ``P + 1`` bits, rounded to nearest (a tie goes up), and ``p >= 0``. ``S`` is the sum of a row's ``a << p``, exactly;
    ``t`` are its bits below the ``P + 1`` highest, which are ``M``, and ``r`` is the :class:`Reciprocal` of ``M``. The
    products are ``e * r`` for ``e = (a << (p + 1)) >> t``, which stand for ``e * r * 2**-(2 * P + 2)``.

    Each ``a``, and ``M``, are off by up to ``2**-P`` of themselves, ``r`` by ``2**(1 - P)``, ``e`` by ``2**-P`` of the
    sum. Which row an element is in makes no difference but by ``S``, and the order of a row none.

    Attributes:
        length: of a row.
        source: format of what comes in.
    """

    length: int
    source: Format
    precision: int

    @property
    def fraction(self) -> int:
        """Bits of fraction of the products."""
        return 2 * self.precision + 2

    @property
    def entry_bits(self) -> int:
        """Bits of an address of :attr:`entries`."""
        return self.source.width

    @cached_property
    def entries(self) -> tuple[list[int], list[int]]:
        """``a`` and ``p`` of all numbers of the source, from the lowest on."""
        low, high = self.source.range
        pairs = [self._scaled(number) for number in range(low, high + 1)]
        lowest = pairs[0][1]
        return [number for number, _ in pairs], [power - lowest for _, power in pairs]

    @property
    def largest_power(self) -> int:
        """Of all ``p``."""
        return self.entries[1][-1]

    @property
    def sum_bits(self) -> int:
        """Bits of a row's sum."""
        return self.precision + 1 + self.largest_power + (self.length - 1).bit_length()

    @property
    def reciprocal(self) -> Reciprocal:
        """That of the highest bits of a sum."""
        return Reciprocal(self.precision)

    def products(self, values: Array) -> Array:
        """``e * r``."""
        places = np.asarray(values).astype(np.int64) - self.source.range[0]
        numbers, powers = (whole(np.array(column)[places], self.sum_bits + 1) for column in self.entries)
        sums = (numbers << powers).sum(axis=-1, keepdims=True)
        above = _each(lambda total: total.bit_length() - self.precision - 1, sums)
        reciprocals = _each(self.reciprocal.of, sums >> above)
        return np.asarray((numbers << powers + 1 >> above) * reciprocals)

    def _scaled(self, number: int) -> tuple[int, int]:
        """``a``, and ``p`` but for what is common to all."""
        exact = math.ldexp(number, -self.source.frac)
        power = math.floor(exact / math.log(2))
        rounded = math.floor(math.ldexp(math.exp(exact - power * math.log(2)), self.precision) + 0.5)
        up = rounded >> (self.precision + 1)
        return rounded >> up, power + up


def softmax_numbers(length: int, source: Format, precision: int) -> Softmax | ScaledSoftmax:
    """What ``numeric.softmax`` computes: relative to a row's largest element where exponentials of much smaller ones
    vanish, or where a table of all numbers would be too large; otherwise with powers of two."""
    signed = source if source.signed else Format(source.width + 1, source.frac)
    by_largest = Softmax(length, signed, precision)
    if by_largest.entry_bits < signed.width or signed.width > MAX_TABLE_BITS:
        return Softmax(length, source, precision)
    return ScaledSoftmax(length, signed, precision)


def _each(function: Callable[[int], int], values: Array) -> Array:
    """``function`` of every integer; its results fit int64, and have the dtype of ``values``."""
    return np.asarray(np.vectorize(lambda value: function(int(value)), otypes=[np.int64])(values)).astype(values.dtype)
