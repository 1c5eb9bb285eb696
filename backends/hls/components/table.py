"""table: a function of every element, looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.channels import Pipeline, elements_of, entering, leave
from stepwell.backends.hls.components.words import word
from stepwell.support.fixed_point import Format
from stepwell.support.tables import look_up, table


@dataclass(frozen=True)
class Table(Component):
    """``function`` of every element, see ``stream.table``; a beat takes a cycle.

    Every element of a beat has a read port of the memory; its registers are the only ones.
    """

    kind: ClassVar[str] = "table"

    function: str
    source: tuple[int, int, int]
    format: tuple[int, int, int]
    rounding: str

    @property
    def formats(self) -> tuple[Format, Format]:
        """Of what comes in and of what leaves."""
        (width, frac, signed), (out_width, out_frac, out_signed) = self.source, self.format
        return Format(width, frac, bool(signed)), Format(out_width, out_frac, bool(out_signed))

    @property
    def latency(self) -> int:
        return 1

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        source, result = self.formats
        entries = table(self.function, source, result, self.rounding)
        return {f"{self.name}_table.mem": [word([entry], result.width) for entry in entries]}

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (look_up(frames[0], self.function, *self.formats, self.rounding),)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        source, result = self.formats
        entered = entering(c, self.input)
        pipeline = Pipeline(c, "read", 1, entered.valid, c.input("out_ready", 1))
        c.connect(entered.ready, pipeline.advance)
        memory = c.memory("entries", 1 << source.width, result.width, f"{self.name}_table.mem")
        results = []
        for i, element in enumerate(elements_of(c, entered.data[0], self.input)):
            address = c.bits(element, 0, source.width)
            if source.width < element.width:
                c.discard(f"sign_{i}", c.bits(element, source.width, element.width - source.width))
            entry = pipeline.keep(f"{i}", c.read(memory, address))
            results.append(c.resize(entry, self.output.bits) if result.signed else c.extend(entry, self.output.bits))
        leave(c, [(self.input, entered)], self.output, c.concat(results), pipeline.valid)
        return c
