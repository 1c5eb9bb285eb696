"""fork: one stream for several readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.base import Array, Component


@dataclass(frozen=True)
class Fork(Component):
    """Each output takes a beat in its own time; the input moves when all have it. A flag for each output, no data."""

    kind: ClassVar[str] = "fork"
    wiring: ClassVar[bool] = True

    @classmethod
    def output_names(cls, count: int) -> tuple[str, ...]:
        return tuple(f"out{i}" for i in range(count))

    @property
    def latency(self) -> int:
        return 0

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (frames[0],) * len(self.outputs)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        data, valid = c.input("in_data", self.input.width), c.input("in_valid", 1)
        readies = [c.input(f"{port.name}_ready", 1) for port in self.outputs]
        # Who has the beat already, while others are waited for.
        served = [c.register(f"{port.name}_served", 1) for port in self.outputs]
        settled = [c.either(ready, flag) for ready, flag in zip(readies, served, strict=True)]
        everyone = c.both(*settled)
        waiting = c.negate(everyone)
        for flag, has in zip(served, settled, strict=True):
            c.drive(flag, c.both(has, waiting), valid)
        c.output("in_ready", everyone)
        for port, flag in zip(self.outputs, served, strict=True):
            c.output(f"{port.name}_data", data)
            c.output(f"{port.name}_valid", c.both(valid, c.negate(flag)))
        return c
