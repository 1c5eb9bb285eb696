"""A memory of two halves: one is filled while the other is read."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit, Wire


@dataclass(frozen=True)
class DoubleBuffer:
    """Which half is whose.

    Attributes:
        may_fill, may_read: whether there is a half to fill and one that is full.
        filled, read: the half that is filled and the one that is read, as the highest bit of an address.
    """

    may_fill: Wire
    may_read: Wire
    filled: Wire
    read: Wire


def double_buffer(c: Circuit, name: str, full: Wire, free: Wire) -> DoubleBuffer:
    """Two halves that change hands.

    Args:
        full: the last word of a half is written.
        free: the last word of a half is read for the last time.
    """
    halves = []
    for side, done in (("fill", full), ("read", free)):
        # One bit more than the half: equal counts mean that nothing is full.
        count = c.register(f"{name}_{side}", 2)
        halves.append(c.drive(count, c.add(count, c.constant(1, 2)), done))
    fill, read = halves
    lead = c.subtract(fill, read)
    return DoubleBuffer(c.compare("ne", lead, 2), c.compare("ne", lead, 0), c.bits(fill, 0, 1), c.bits(read, 0, 1))
