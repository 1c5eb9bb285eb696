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
    fill, read = (
        c.drive(half, c.negate(half), done)
        for half, done in ((c.register(f"{name}_fill", 1), full), (c.register(f"{name}_read", 1), free))
    )
    # How many halves are full; a register, since much waits for it.
    count = c.register(f"{name}_full", 2)
    c.drive(count, c.add(count, c.choose(full, c.constant(1, 2), c.constant(3, 2))), c.differ(full, free))
    may_fill, may_read = c.negate(c.bits(count, 1, 1)), c.compare("ne", count, 0)
    return DoubleBuffer(may_fill, may_read, fill, read)
