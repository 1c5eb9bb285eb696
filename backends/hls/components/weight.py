"""weight: a parameter as a stream, from a memory that is read over and over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.counter import address_width, following
from stepwell.backends.hls.components.words import word


@dataclass(frozen=True)
class Weight(Component):
    """``weight`` broadcast to the frame, see ``stream.weight``; what repeats within a frame is kept once."""

    kind: ClassVar[str] = "weight"
    reads: ClassVar[tuple[str, ...]] = ()

    weight: str
    weight_shape: tuple[int, ...]

    @property
    def words(self) -> int:
        """Beats until it repeats."""
        sizes = [i for i, size in enumerate(reversed(self.weight_shape), 1) if size > 1]
        kept = max(sizes, default=0)
        return max(1, math.prod(self.output.shape[len(self.output.shape) - kept :]) // self.output.beat)

    @property
    def parameters(self) -> tuple[str, ...]:
        return (self.weight,)

    @property
    def latency(self) -> int:
        return 1

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (np.broadcast_to(parameters[self.weight], self.output.shape),)

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        (frame,) = self.reference((), parameters)
        beats = frame.reshape(-1, self.output.beat)[: self.words]
        return {f"{self.name}.mem": [word(beat, self.output.bits) for beat in beats]}

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        ready, valid = c.input("out_ready", 1), c.register("out_valid_r", 1)
        advance = c.either(ready, c.negate(valid))
        address = c.constant(0, 1)
        if self.words > 1:
            address = c.register("address", address_width(self.words))
            c.drive(address, following(c, address, self.words), advance)
        memory = c.memory("words", self.words, self.output.width, f"{self.name}.mem")
        data = c.drive(c.register("data", self.output.width), c.read(memory, address), advance, reset=False)
        c.drive(valid, c.constant(1, 1), advance)
        c.output("out_data", data)
        c.output("out_valid", valid)
        return c
