"""slice: a part of each frame along a dimension; the rest is dropped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, Component, divisors
from stepwell.backends.hls.components.channels import place
from stepwell.backends.hls.components.counter import Counter
from stepwell.backends.hls.components.schedule import Schedule


@dataclass(frozen=True)
class Slice(Component):
    """Each ``step``-th element from ``start`` up to ``stop`` along dimension ``axis``, see ``stream.slice``.

    Counters say which beats leave; they do so as they come, all others are taken at once.
    """

    kind: ClassVar[str] = "slice"

    axis: int
    start: int
    stop: int
    step: int = 1

    @property
    def latency(self) -> int:
        return 0

    def choices(self) -> Sequence[tuple[int, ...]]:
        sizes = [self.input.innermost, self.output.innermost]
        if self.axis == len(self.input.shape) - 1:
            sizes.append(self.start if self.step == 1 else 1)
        return [(factor,) for factor in divisors(math.gcd(*sizes))]

    @property
    def kept(self) -> tuple[int, int, int]:
        """The first beat of the part, the one behind the last, and after how many beats that comes again."""
        unit = math.prod(self.input.shape[self.axis + 1 :])
        ends = (self.start, self.stop, self.input.shape[self.axis])
        first, end, period = (number * unit // self.input.beat for number in ends)
        return first, end, period

    @property
    def run(self) -> int:
        """Beats that follow each other at one place of the dimension."""
        return max(1, math.prod(self.input.shape[self.axis + 1 :]) // self.input.beat)

    def schedule(self) -> Schedule:
        first, end, period = self.kept
        each = np.arange(self.input.beats)
        place = each % period
        sends = each[(place >= first) & (place < end) & ((place - first) // self.run % self.step == 0)]
        return Schedule(self.cycles, (each,), (each,), (sends,), self.latency)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (np.ascontiguousarray(np.take(frames[0], range(self.start, self.stop, self.step), self.axis)),)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        data, valid = c.input("in_data", self.input.width), c.input("in_valid", 1)
        ready = c.input("out_ready", 1)
        first, end, period = self.kept
        taken = c.wire("taken", 1)
        number, _, _ = place(c, "number", period, c.both(valid, taken))
        inside = [c.constant(1, 1)]
        if number is not None and first > 0:
            inside.append(c.compare("uge", number, first))
        if number is not None and end < period:
            inside.append(c.compare("ult", number, end))
        keeps = c.both(*inside)
        if self.step > 1:
            keeps = c.both(keeps, self._on_turn(c, c.both(valid, taken, keeps), number))
        c.connect(taken, c.either(ready, c.negate(keeps)))
        c.output("in_ready", taken)
        c.output("out_data", data)
        c.output("out_valid", c.both(valid, keeps))
        return c

    def _on_turn(self, c: Circuit, moves: Wire, number: Wire | None) -> Wire:
        """Whether the beat is of a place that is kept, among those of the part; ``moves``: one of these moves."""
        _, end, _ = self.kept
        ends = c.both(moves, c.compare("eq", number, end - 1)) if number is not None else moves
        beat, turn = Counter(c, "beat", self.run), Counter(c, "turn", self.step)
        beat.advance(moves, ends)
        turn.advance(c.both(moves, beat.last), ends)
        return turn.at(0)
