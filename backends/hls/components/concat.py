"""concat: frames of two streams behind each other along a dimension."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.channels import place
from stepwell.backends.hls.components.schedule import Schedule


@dataclass(frozen=True)
class Concat(Component):
    """Beats of ``left`` and of ``right`` in turn, as many as each has along ``axis`` and within, see ``stream.concat``.

    A counter says whose turn it is; nothing is kept.
    """

    kind: ClassVar[str] = "concat"
    reads: ClassVar[tuple[str, ...]] = ("left", "right")

    axis: int

    @property
    def latency(self) -> int:
        return 0

    @property
    def turns(self) -> tuple[int, int]:
        """Beats of ``left`` that follow each other, and of both together."""
        left, both = (math.prod(port.shape[self.axis :]) // self.output.beat for port in (self.inputs[0], self.output))
        return left, both

    def schedule(self) -> Schedule:
        first, period = self.turns
        each = np.arange(self.output.beats)
        is_left = each % period < first
        needs = (each[is_left], each[~is_left])
        return Schedule(self.cycles, needs, needs, (each,), self.latency)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (np.concatenate(frames, self.axis),)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        ports = [(c.input(f"{port.name}_data", port.width), c.input(f"{port.name}_valid", 1)) for port in self.inputs]
        ready = c.input("out_ready", 1)
        first, period = self.turns
        valid = c.wire("valid", 1)
        number, _, _ = place(c, "number", period, c.both(valid, ready))
        assert number is not None  # both sides have a beat
        is_left = c.compare("ult", number, first)
        (left, left_valid), (right, right_valid) = ports
        c.connect(valid, c.choose(is_left, left_valid, right_valid))
        c.output("left_ready", c.both(ready, is_left))
        c.output("right_ready", c.both(ready, c.negate(is_left)))
        c.output("out_data", c.choose(is_left, left, right))
        c.output("out_valid", valid)
        return c
