"""Units that find a reciprocal or a square root, a few bits a cycle."""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.channels import Channel, iterate


def reciprocal(c: Circuit, name: str, channel: Channel, power: int, bits: int, digits: int) -> Channel:
    """``floor(2**power / value)`` of ``bits`` bits, followed by what else ``channel`` carries.

    ``value`` is the first that the channel has, unsigned, at least ``2**(power + 1 - bits)``.

    Args:
        digits: bits that are found in a cycle, fewer than ``bits``.
    """
    value, *carried = channel.data
    steps = -(-bits // digits)
    kept = bits - digits  # of the quotient, between two steps

    def step(state: Sequence[Wire]) -> list[Wire]:
        rest, divisor, quotient, *others = state
        found: list[Wire] = []
        for _ in range(digits):
            double = c.concat([c.constant(0, 1), rest])
            less = c.subtract(double, c.extend(divisor, double.width))
            fits = c.negate(c.bits(less, less.width - 1, 1))
            rest = c.bits(c.choose(fits, less, double), 0, rest.width)
            found.insert(0, fits)
        return [rest, divisor, c.concat([*found, quotient]), *others]

    # The bits of 2**power above those that give the quotient are a remainder less than any value.
    start = [c.constant(1 << (power - steps * digits), value.width), value, c.constant(0, kept), *carried]
    return iterate(c, name, channel, steps, start, step, lambda s: [c.bits(s[2], 0, bits), *s[3:]])


def square_root(c: Circuit, name: str, channel: Channel, digits: int) -> Channel:
    """``floor(sqrt(value))``, followed by what else ``channel`` carries.

    ``value`` is the first that the channel has, unsigned, of an even number of bits, more than twice ``digits``.
    """
    value, *carried = channel.data
    bits = value.width // 2
    steps = -(-bits // digits)
    found = steps * digits

    def step(state: Sequence[Wire]) -> list[Wire]:
        radicand, rest, root, *others = state
        less = rest
        for _ in range(digits):
            grown = c.concat([c.bits(radicand, 2 * found - 2, 2), rest])
            less = c.subtract(grown, c.extend(c.concat([c.constant(1, 2), root]), grown.width))
            fits = c.negate(c.bits(less, less.width - 1, 1))
            # What is left is at most twice the root.
            rest = c.bits(c.choose(fits, less, grown), 0, root.width + 2)
            root = c.concat([fits, root])
            radicand = c.concat([c.constant(0, 2), c.bits(radicand, 0, 2 * found - 2)])
        # The remainder of the whole root has a few bits more, which nobody needs.
        c.discard(f"{name}_high", c.bits(less, kept + 1, less.width - 1 - (kept + 1)))
        return [radicand, rest, root, *others]

    kept = found - digits
    start = [c.extend(value, 2 * found), c.constant(0, kept + 1), c.constant(0, kept), *carried]
    return iterate(c, name, channel, steps, start, step, lambda s: [c.bits(s[2], 0, bits), *s[3:]])
