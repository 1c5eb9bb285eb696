"""table: a function of every element, looked up, or on a line between what was looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Memory, Wire
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.channels import Pipeline, elements_of, entering, leave
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.backends.hls.components.words import word
from stepwell.support.fixed_point import Format
from stepwell.support.interpolation import Lines, evaluate, lines
from stepwell.support.tables import MAX_TABLE_BITS, table


@dataclass(frozen=True)
class Table(Component):
    """``function`` of every element, see ``stream.table``; a beat takes a cycle.

    Every element of a beat has a read port of the memory, whose registers are the only ones. Elements of many bits read
    a line, and registers keep also its product with how far along they are, the height there, and the result.
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
    def lines(self) -> Lines | None:
        """Those between entries; None where there is an entry for every number."""
        return lines(self.function, *self.formats) if self.source[0] > MAX_TABLE_BITS else None

    @property
    def latency(self) -> int:
        return 4 if self.lines else 1

    @property
    def multipliers(self) -> int:
        return self.output.beat if self.lines else 0

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        source, result = self.formats
        drawn = self.lines
        if drawn is None:
            entries = table(self.function, source, result, self.rounding)
            words = [word([entry], result.width) for entry in entries]
        else:
            low, high = drawn.widths
            pairs = zip(drawn.starts.tolist(), drawn.rises.tolist(), strict=True)
            words = [word([(start & ((1 << low) - 1)) | (rise << low)], low + high) for start, rise in pairs]
        return {f"{self.name}_table.mem": words}

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (evaluate(frames[0], self.function, *self.formats, self.rounding),)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        source, result = self.formats
        drawn = self.lines
        entered = entering(c, self.input)
        pipeline = Pipeline(c, "read", self.latency, entered.valid, c.input("out_ready", 1))
        c.connect(entered.ready, pipeline.advance)
        width = sum(drawn.widths) if drawn else result.width
        depth = len(drawn.starts) if drawn else 1 << source.width
        memory = c.memory("entries", depth, width, f"{self.name}_table.mem")
        results = []
        for i, element in enumerate(elements_of(c, entered.data[0], self.input)):
            number = c.bits(element, 0, source.width)
            if source.width < element.width:
                c.discard(f"sign_{i}", c.bits(element, source.width, element.width - source.width))
            if drawn:
                results.append(self._on_line(pipeline, memory, drawn, f"{i}", number))
                continue
            entry = pipeline.keep(f"{i}", c.read(memory, number))
            results.append(c.resize(entry, self.output.bits) if result.signed else c.extend(entry, self.output.bits))
        leave(c, [(self.input, entered)], self.output, c.concat(results), pipeline.valid)
        return c

    def _on_line(self, pipeline: Pipeline, memory: Memory, drawn: Lines, name: str, number: Wire) -> Wire:
        """The height of a number's line, rounded."""
        c, rest, (start_bits, rise_bits) = pipeline.c, drawn.rest, drawn.widths
        line = pipeline.keep(f"line_{name}", c.read(memory, c.bits(number, rest, number.width - rest)))
        along = pipeline.keep(f"along_{name}", c.bits(number, 0, rest))
        product = c.multiply(c.bits(line, start_bits, rise_bits), c.extend(along, rest + 1))
        product = pipeline.keep(f"product_{name}", product)
        start = pipeline.keep(f"start_{name}", c.bits(line, 0, start_bits))
        bits = max(start_bits + rest, product.width) + 1
        start = c.concat([c.constant(0, rest), start])
        height = c.add(c.resize(start, bits), c.resize(product, bits))
        rescale = Rescale(drawn.shift, self.rounding, self.formats[1].range, self.output.bits)
        kept, ending = rescale.trim(c, name, height)
        return pipeline.keep(f"result_{name}", ending.circuit(c, name, pipeline.keep(f"height_{name}", kept)))
