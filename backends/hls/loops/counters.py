"""Counters of loops, and addresses that follow them by one addition for each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.support.loops.affine import Affine
from stepwell.support.loops.trips import Trips
from stepwell.support.widths import signed_width


class Counters:
    """Counters of a nest of loops of ``sizes`` iterations, or as many as ``trips`` say, one step where ``step`` holds.

    Attributes:
        last: for each loop whether it and all inner ones stand at their last iteration.
    """

    def __init__(self, c: Circuit, name: str, sizes: Sequence[int], step: Wire, trips: Trips = ()) -> None:
        self.c = c
        self.name = name
        self.step = step
        true = c.constant(1, 1)
        self.values = [c.register(f"{name}_i{n}", address_width(size)) for n, size in enumerate(sizes)]
        varies = tuple(map(bool, trips)) or (False,) * len(sizes)
        ends = [
            c.wire(f"{name}_ends{n}", 1) if varies[n] else c.compare("eq", value, size - 1) if size > 1 else true
            for n, (value, size) in enumerate(zip(self.values, sizes, strict=True))
        ]
        # Each of all ends at once: a chain of them would be a long path.
        self.last = [c.both(*ends[n:]) if n + 1 < len(ends) else end for n, end in enumerate(ends)] + [true]
        for n in reversed(range(len(sizes))):
            value, inner, end = self.values[n], self.last[n + 1], ends[n]
            following = c.add(value, c.constant(1, value.width))
            enable = c.both(step, inner) if n + 1 < len(sizes) else step
            c.drive(value, c.choose(end, c.constant(0, value.width), following), enable)
        for n, found in enumerate(trips):
            if found:
                c.connect(
                    ends[n],
                    c.either(*(self._over(n, number, trip, sizes, varies) for number, trip in enumerate(found))),
                )

    def _over(self, level: int, number: int, trip: Affine, sizes: Sequence[int], varies: tuple[bool, ...]) -> Wire:
        """Whether no iteration is left of the ``trip`` of a loop: what is left is followed as any index is."""
        own = tuple(-1 if n == level else 0 for n in range(len(sizes)))
        left = trip.plus(Affine(own, -1), 1)
        name = f"{self.name}_left{level}_{number}"
        value = follow(self.c, name, left, sizes, self.step, lambda n: self.last[n], varies)
        return self.c.compare("sle" if left.range(tuple(sizes))[0] < 0 else "eq", value, 0)

    def first(self, level: int) -> Wire:
        """Whether all loops from ``level`` inwards stand at their first iteration."""
        flag = self.c.register(f"{self.name}_first{level}", 1)
        return self.c.drive(flag, self.last[level], self.step, start=1)

    @cached_property
    def end(self) -> Wire:
        """The last step."""
        return self.c.both(self.step, self.last[0])


def follow(
    c: Circuit, name: str, index: Affine, sizes: Sequence[int], step: Wire, last: Callable[[int], Wire],
    varies: Sequence[bool] = (),
) -> Wire:  # fmt: skip
    """The value of ``index`` in a register that moves with each ``step``: no products.

    It is signed if the index can be negative; ``last`` tells as :attr:`Counters.last` does. Where a loop ends whose
    iterations vary, it goes on from what it was at that loop's begin, which is kept.
    """
    low, high = index.range(tuple(sizes))
    width = signed_width((low, high)) if low < 0 else max(1, high.bit_length())
    if low == high:
        return c.constant(low, width)
    register = c.register(name, width)
    levels = range(len(sizes))
    kept = [level for level in levels if varies and varies[level] and any(index.coefficients[level:])]
    begins = {level: c.register(f"{name}_begin{level}", width) for level in kept}
    # What it goes on from, and what is added to that: of all loops together, back to the start, and of each loop.
    bases, amounts = [], []
    for level in (-1, *levels):
        varying = next((n for n in kept if n > level), len(sizes))
        inner = sum(index.coefficients[n] * (sizes[n] - 1) for n in levels if level < n < varying)
        if level < 0:
            bases.append(c.constant(0, width) if kept else register)
            amounts.append(index.constant if kept else -inner)
        else:
            bases.append(begins.get(varying, register))
            amounts.append(index.coefficients[level] - inner)
    mask = (1 << width) - 1
    delta = _chosen(c, [c.constant(amount & mask, width) for amount in amounts], 0, last)
    following = c.add(_chosen(c, bases, 0, last), delta)
    for level, begin in begins.items():
        c.drive(begin, following, c.both(step, last(level)), start=index.constant & mask)
    return c.drive(register, following, step, start=index.constant & mask)


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
