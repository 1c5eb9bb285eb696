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
        ends = [
            c.compare("eq", value, size - 1) if size > 1 else true
            for value, size in zip(self.values, sizes, strict=True)
        ]
        # Each of all ends at once: a chain of them would be a long path.
        self.last = [c.both(*ends[n:]) if n + 1 < len(ends) else end for n, end in enumerate(ends)] + [true]
        for n in reversed(range(len(sizes))):
            value, inner, end = self.values[n], self.last[n + 1], ends[n]
            following = c.add(value, c.constant(1, value.width))
            enable = c.both(step, inner) if n + 1 < len(sizes) else step
            c.drive(value, c.choose(end, c.constant(0, value.width), following), enable)

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
    delta = _chosen(c, [c.constant(amount, width) for amount in amounts], 0, last)
    return c.drive(register, c.add(register, delta), step, start=index.constant & mask)


def _chosen(c: Circuit, values: Sequence[Wire], level: int, last: Callable[[int], Wire]) -> Wire:
    """The value of the outermost loop from ``level`` on that stands at its last iteration with all inner ones, the
    final value where none does. A tree: where one of them does, all inner ones do.
    """
    if all(value == values[0] for value in values):
        return values[0]
    half = (len(values) - 1) // 2
    outer, inner = _chosen(c, values[: half + 1], level, last), _chosen(c, values[half + 1 :], level + half + 1, last)
    return outer if outer == inner else c.choose(last(level + half), outer, inner)


def address_width(count: int) -> int:
    """Bits of a number below ``count``."""
    return max(1, (count - 1).bit_length())
