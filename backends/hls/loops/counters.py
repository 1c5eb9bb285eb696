"""Counters of loops, and addresses that follow them by one addition for each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.support.loops.affine import Affine
from stepwell.support.widths import signed_width


class Counters:
    """Counters of a nest of loops of ``sizes`` iterations, one step where ``step`` holds.

    Attributes:
        last: for each loop whether it and all inner ones stand at their last iteration.
    """

    def __init__(self, c: Circuit, name: str, sizes: Sequence[int], step: Wire) -> None:
        self.c = c
        self.name = name
        self.step = step
        true = c.constant(1, 1)
        self.values = [c.register(f"{name}_i{n}", address_width(size)) for n, size in enumerate(sizes)]
        self.last = [true] * (len(sizes) + 1)
        for n in reversed(range(len(sizes))):
            value, inner = self.values[n], self.last[n + 1]
            end = c.compare("eq", value, sizes[n] - 1) if sizes[n] > 1 else true
            following = c.add(value, c.constant(1, value.width))
            enable = c.both(step, inner) if n + 1 < len(sizes) else step
            c.drive(value, c.choose(end, c.constant(0, value.width), following), enable)
            self.last[n] = c.both(end, inner) if n + 1 < len(sizes) else end

    def first(self, level: int) -> Wire:
        """Whether all loops from ``level`` inwards stand at their first iteration."""
        flag = self.c.register(f"{self.name}_first{level}", 1)
        return self.c.drive(flag, self.last[level], self.step, start=1)

    @cached_property
    def end(self) -> Wire:
        """The last step."""
        return self.c.both(self.step, self.last[0])


def follow(c: Circuit, name: str, index: Affine, sizes: Sequence[int], step: Wire, last: Callable[[int], Wire]) -> Wire:
    """The value of ``index`` in a register that moves with each ``step``: no products.

    It is signed if the index can be negative; ``last`` tells as :attr:`Counters.last` does.
    """
    low, high = index.range(tuple(sizes))
    width = signed_width((low, high)) if low < 0 else max(1, high.bit_length())
    if low == high:
        return c.constant(low, width)
    register = c.register(name, width)
    # What is added when loop `level` goes on: its coefficient, after what the inner loops had added.
    inner = 0
    deltas: list[int] = []
    for coefficient, size in zip(reversed(index.coefficients), reversed(sizes), strict=True):
        deltas.insert(0, coefficient - inner)
        inner += coefficient * (size - 1)
    mask = (1 << width) - 1
    amounts = [amount & mask for amount in (-inner, *deltas)]  # the first one: back to the start
    delta = c.constant(amounts[-1], width)
    for level in reversed(range(len(amounts) - 1)):
        if amounts[level] != amounts[level + 1]:
            delta = c.choose(last(level), c.constant(amounts[level], width), delta)
    return c.drive(register, c.add(register, delta), step, start=index.constant & mask)


def address_width(count: int) -> int:
    """Bits of a number below ``count``."""
    return max(1, (count - 1).bit_length())
