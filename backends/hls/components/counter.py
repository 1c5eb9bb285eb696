"""Counters as circuits have them."""

from __future__ import annotations

from stepwell.backends.hls.circuit import Circuit, Wire


def address_width(count: int) -> int:
    """Bits that tell ``count`` things apart; one for a single thing."""
    return max(1, (count - 1).bit_length())


def following(c: Circuit, counter: Wire, count: int) -> Wire:
    """What comes after ``counter``, which runs through 0 to ``count - 1``."""
    more = c.add(counter, c.constant(1, counter.width))
    if count == 1 << counter.width:
        return more
    return c.choose(c.compare("eq", counter, count - 1), c.constant(0, counter.width), more)
