"""Units that find a reciprocal or a square root, a few bits a cycle."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.channels import Channel, Step, iterate


@dataclass(frozen=True)
class Pace:
    """How bits of a result are found: ``digits`` a cycle, for ``steps`` cycles in each of ``units`` behind each other.

    Several units take longer than one, and have no more cycles between two results.
    """

    digits: int
    steps: int
    units: int

    @staticmethod
    def of(bits: int, digits: int, halved: int = 0) -> Pace:
        """``bits``, of which a unit finds ``digits`` a cycle; ``halved`` times half as many, in more units."""
        fewer = max(1, -(-digits // (1 << halved)))
        cycles = -(-bits // fewer)
        units = -(-cycles // -(-bits // digits))
        return Pace(fewer, -(-cycles // units), units)

    @property
    def found(self) -> int:
        """All bits that are found, which may be more than are asked for."""
        return self.digits * self.steps * self.units

    @property
    def latency(self) -> int:
        """Cycles from a value to its result."""
        return self.units * (self.steps + 1)


def in_units(
    c: Circuit, name: str, channel: Channel, pace: Pace, start: Sequence[Wire], step: Step, finish: Step
) -> Channel:
    """:func:`iterate` in several units."""
    for unit in range(1, pace.units):
        part, widths = f"{name}_{unit}", [wire.width for wire in start]

        def hand_on(state: Sequence[Wire], part: str = part, widths: Sequence[int] = widths) -> list[Wire]:
            for i, (wire, width) in enumerate(zip(state, widths, strict=True)):
                if wire.width > width:
                    c.discard(f"{part}_above_{i}", c.bits(wire, width, wire.width - width))
            return [c.bits(wire, 0, width) for wire, width in zip(state, widths, strict=True)]

        channel = iterate(c, part, channel, pace.steps, start, step, hand_on)
        start = channel.data
    return iterate(c, name, channel, pace.steps, start, step, finish)


def reciprocal(c: Circuit, name: str, channel: Channel, power: int, bits: int, pace: Pace) -> Channel:
    """``floor(2**power / value)`` of ``bits`` bits, followed by what else ``channel`` carries.

    ``value`` is the first that the channel has, unsigned, at least ``2**(power + 1 - bits)``; a unit finds fewer than
    ``bits`` a cycle.
    """
    value, *carried = channel.data
    kept = bits - pace.digits  # of the quotient, between two steps

    def step(state: Sequence[Wire]) -> list[Wire]:
        rest, divisor, quotient, *others = state
        found: list[Wire] = []
        for _ in range(pace.digits):
            double = c.concat([c.constant(0, 1), rest])
            less = c.subtract(double, c.extend(divisor, double.width))
            fits = c.negate(c.bits(less, less.width - 1, 1))
            rest = c.bits(c.choose(fits, less, double), 0, rest.width)
            found.insert(0, fits)
        return [rest, divisor, c.concat([*found, quotient]), *others]

    # The bits of 2**power above those that give the quotient are a remainder less than any value.
    start = [c.constant(1 << (power - pace.found), value.width), value, c.constant(0, kept), *carried]
    return in_units(c, name, channel, pace, start, step, lambda s: [c.bits(s[2], 0, bits), *s[3:]])


def square_root(c: Circuit, name: str, channel: Channel, pace: Pace) -> Channel:
    """``floor(sqrt(value))``, followed by what else ``channel`` carries.

    ``value`` is the first that the channel has, unsigned, of an even number of bits, more than twice as many as a unit
    finds in a cycle.
    """
    value, *carried = channel.data
    bits, found = value.width // 2, pace.found
    kept = found - pace.digits
    unit = itertools.count()

    def step(state: Sequence[Wire]) -> list[Wire]:
        radicand, rest, root, *others = state
        less = rest
        for _ in range(pace.digits):
            grown = c.concat([c.bits(radicand, 2 * found - 2, 2), rest])
            less = c.subtract(grown, c.extend(c.concat([c.constant(1, 2), root]), grown.width))
            fits = c.negate(c.bits(less, less.width - 1, 1))
            # What is left is at most twice the root.
            rest = c.bits(c.choose(fits, less, grown), 0, root.width + 2)
            root = c.concat([fits, root])
            radicand = c.concat([c.constant(0, 2), c.bits(radicand, 0, 2 * found - 2)])
        # The remainder of the whole root has a few bits more, which nobody needs.
        c.discard(f"{name}_high_{next(unit)}", c.bits(less, kept + 1, less.width - 1 - (kept + 1)))
        return [radicand, rest, root, *others]

    start = [c.extend(value, 2 * found), c.constant(0, kept + 1), c.constant(0, kept), *carried]
    return in_units(c, name, channel, pace, start, step, lambda s: [c.bits(s[2], 0, bits), *s[3:]])
