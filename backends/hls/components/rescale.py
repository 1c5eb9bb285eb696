"""What ends most components: a wide result shifted right, rounded, clamped and cast; circuit and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array
from stepwell.support.fixed_point import scale_round
from stepwell.support.widths import Range, signed_range, signed_width

Hold = Callable[[str, Wire], Wire]
"""From a register's name and what it takes to what it holds."""


@dataclass(frozen=True)
class Rescale:
    """``resize(clamp(round(value >> shift)))``; the last step extends the sign or cuts to ``bits``.

    Attributes:
        rounding: one of ``ROUNDINGS``.
        clamp: lowest and highest value.
    """

    shift: int
    rounding: str
    clamp: Range
    bits: int

    @property
    def lowest_bit(self) -> int:
        """Bits of the value below this one make no difference."""
        if self.rounding == "floor" or self.shift == 0:
            return self.shift
        return self.shift - 1 if self.rounding == "half-up" else 0

    def keeps(self, values: Range) -> bool:
        """Whether it leaves all of ``values`` to the cast."""
        return self.shift == 0 and self.clamp[0] <= values[0] and values[1] <= self.clamp[1]

    def reference(self, values: Array) -> Array:
        """The same on signed integers."""
        rounded = scale_round(values, 1, self.shift, self.rounding)
        return wrap(np.clip(rounded, *self.clamp), self.bits)

    def trim(self, circuit: Circuit, name: str, value: Wire) -> tuple[Wire, Rescale]:
        """``value`` without the bits that make no difference, and what remains to be done with it."""
        cut = min(self.lowest_bit, value.width - 1)
        if cut == 0:
            return value, self
        circuit.discard(f"{name}_below", circuit.bits(value, 0, cut))
        kept = circuit.bits(value, cut, value.width - cut)
        return kept, Rescale(self.shift - cut, self.rounding, self.clamp, self.bits)

    def circuit(self, circuit: Circuit, name: str, value: Wire, hold: Hold | None = None) -> Wire:
        """The combinational circuit; ``name`` sets it apart from others in the module.

        ``hold``: makes a register between rounding and what follows; without it there is none.
        """
        rounded = self._round(circuit, value)
        return self._finish(circuit, name, hold(f"rounded_{name}", rounded) if hold else rounded)

    def _round(self, c: Circuit, value: Wire) -> Wire:
        shift = self.shift
        if shift == 0:
            return value
        if shift >= value.width:
            value = c.resize(value, shift + 1)
        quotient = c.bits(value, shift, value.width - shift)
        up = self._upwards(c, value, quotient)
        if up is None:
            return quotient
        width = quotient.width + 1
        return c.add(c.resize(quotient, width), c.concat([up, c.constant(0, width - 1)]))

    def _upwards(self, c: Circuit, value: Wire, quotient: Wire) -> Wire | None:
        """Whether what is cut takes the quotient one up; None where it never does."""
        shift, sign = self.shift, c.bits(value, value.width - 1, 1)
        if self.rounding == "floor":
            return None
        if self.rounding in ("ceil", "to-zero"):
            anything = c.compare("ne", c.bits(value, 0, shift), 0)
            return anything if self.rounding == "ceil" else c.both(anything, sign)
        half = c.bits(value, shift - 1, 1)
        if self.rounding == "half-up":
            return half
        tie_goes_up = c.bits(quotient, 0, 1) if self.rounding == "half-even" else c.negate(sign)
        if shift == 1:
            return c.both(half, tie_goes_up)
        return c.both(half, c.either(tie_goes_up, c.compare("ne", c.bits(value, 0, shift - 1), 0)))

    def _finish(self, c: Circuit, name: str, value: Wire) -> Wire:
        """Clamp and cast; every cut keeps the value, but for the cast."""
        low, high = self.clamp
        lowest, highest = signed_range(value.width)
        if low > highest or high < lowest:
            c.discard(f"{name}_whole", value)
            return c.constant(low if low > highest else high, self.bits)
        below = self._below(c, value, low) if low > lowest else None
        above = self._above(c, value, high) if high < highest else None
        value = c.resize(value, min(value.width, signed_width((low, high))))
        if below:
            value = c.choose(below, c.constant(low, value.width), value)
        if above:
            value = c.choose(above, c.constant(high, value.width), value)
        if value.width > self.bits and low <= lowest and highest <= high:
            c.discard(f"{name}_above", c.bits(value, self.bits, value.width - self.bits))
        return c.resize(value, self.bits)

    @staticmethod
    def _below(c: Circuit, value: Wire, low: int) -> Wire:
        """Whether ``value`` is less than ``low``; for minus a power of two the bits above it tell."""
        negative, power = c.bits(value, value.width - 1, 1), (~low).bit_length()
        if low == 0:
            return negative
        if low != -(1 << power):
            return c.compare("slt", value, low)
        return c.both(negative, c.compare("ne", c.bits(value, power, value.width - 1 - power), -1))

    @staticmethod
    def _above(c: Circuit, value: Wire, high: int) -> Wire:
        """Whether ``value`` is more than ``high``; for one less than a power of two the bits above it tell."""
        positive, power = c.negate(c.bits(value, value.width - 1, 1)), high.bit_length()
        if high != (1 << power) - 1:
            return c.compare("sgt", value, high)
        return c.both(positive, c.compare("ne", c.bits(value, power, value.width - 1 - power), 0))


def modular(values: Array) -> Array:
    """As unsigned 64-bit integers, whose arithmetic wraps: right for every width up to 64."""
    return values.astype(np.int64).astype(np.uint64)


def wrap(values: Array, bits: int) -> Array:
    """The low ``bits`` of integers, read as signed."""
    spare = np.uint64(64 - bits)
    return (modular(values) << spare).view(np.int64) >> spare.astype(np.int64)
