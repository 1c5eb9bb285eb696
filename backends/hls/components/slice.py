"""slice: a part of each frame along a dimension; the rest is dropped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.base import Array, Component, divisors
from stepwell.backends.hls.components.channels import place
from stepwell.backends.hls.components.schedule import Schedule


@dataclass(frozen=True)
class Slice(Component):
    """Elements ``start`` up to ``stop`` along dimension ``axis``, see ``stream.slice``.

    A counter says which beats leave; they do so as they come, all others are taken at once.
    """

    kind: ClassVar[str] = "slice"

    axis: int
    start: int
    stop: int

    @property
    def latency(self) -> int:
        return 0

    def choices(self) -> Sequence[tuple[int, ...]]:
        sizes = [self.input.innermost, self.output.innermost]
        if self.axis == len(self.input.shape) - 1:
            sizes.append(self.start)
        return [(factor,) for factor in divisors(math.gcd(*sizes))]

    @property
    def kept(self) -> tuple[int, int, int]:
        """The first beat that is kept, the one behind the last, and after how many beats that comes again."""
        unit = math.prod(self.input.shape[self.axis + 1 :])
        ends = (self.start, self.stop, self.input.shape[self.axis])
        first, end, period = (number * unit // self.input.beat for number in ends)
        return first, end, period

    def schedule(self) -> Schedule:
        first, end, period = self.kept
        each = np.arange(self.input.beats)
        sends = each[(each % period >= first) & (each % period < end)]
        return Schedule(self.cycles, (each,), (each,), (sends,), self.latency)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (np.ascontiguousarray(np.take(frames[0], range(self.start, self.stop), self.axis)),)

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
        c.connect(taken, c.either(ready, c.negate(keeps)))
        c.output("in_ready", taken)
        c.output("out_data", data)
        c.output("out_valid", c.both(valid, keeps))
        return c
