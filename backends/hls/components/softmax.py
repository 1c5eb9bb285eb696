"""softmax: of every row, in integers that are defined to the last bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.components.channels import Channel, Pipeline, elements_of, entering, hold, leave, lookup
from stepwell.backends.hls.components.roots import Pace, reciprocal
from stepwell.backends.hls.components.rows import (
    Fold,
    Hold,
    RowComponent,
    apply_rows,
    fold_rows,
    row_stages,
    waiting_depth,
)
from stepwell.backends.hls.components.schedule import Stage
from stepwell.backends.hls.components.words import word
from stepwell.support.fixed_point import Format
from stepwell.support.fixed_rows import Softmax as Numbers
from stepwell.support.widths import Range


@dataclass(frozen=True)
class Softmax(RowComponent):
    """``cast(clamp(round((e * r) >> shift)))``, see ``stream.softmax``.

    :class:`stepwell.support.fixed_rows.Softmax` has the letters. A row passes twice through a memory: until its largest
    element is known, and until the reciprocal of its sum is.
    Rows overlap: a beat of a row enters while one of a row before leaves.
    """

    kind: ClassVar[str] = "softmax"

    frac: int
    precision: int
    shift: int
    rounding: str
    clamp: Range

    @cached_property
    def numbers(self) -> Numbers:
        """What it computes."""
        return Numbers(self.input.shape[-1], Format(self.input.bits, self.frac), self.precision)

    @property
    def quotient_bits(self) -> int:
        """Bits of a reciprocal."""
        return self.numbers.fraction - self.precision + 1

    @property
    def digits(self) -> int:
        """Bits of a reciprocal that are found in a cycle: enough for a row to be ready when the next is, up to 4."""
        return min(4, -(-self.quotient_bits // self.row_beats))

    @property
    def pace(self) -> Pace:
        """How reciprocals are found."""
        return Pace.of(self.quotient_bits, self.digits, self.taken("division"))

    @property
    def levels(self) -> int:
        """Of the trees that find the largest element of a beat, and the sum of its ``e``."""
        return (self.input.beat - 1).bit_length()

    @property
    def places(self) -> Sequence[str]:
        trees = ["top", "sum"] * (self.levels - 1)
        return [*["division"] * (self.digits - 1).bit_length(), *trees[:1], "rounding", *trees[1:]]

    @property
    def multipliers(self) -> int:
        return self.output.beat

    @property
    def cycles(self) -> int:
        rows = self.input.beats // self.row_beats
        return rows * max(self.row_beats, self.pace.steps)

    def stages(self) -> tuple[Stage, ...]:
        # Registers on the way: of what is found out about a row, of the unit that divides, of what leaves.
        top, rounding = self.taken("top"), self.taken("rounding")
        latencies = 4 + top, 2 + 2 + self.taken("sum") + self.pace.latency + 2, 2 + rounding
        return row_stages(
            self.input, self.row_beats, latencies, self.pace.steps, waiting_depth(self.row_beats, 1 + top)
        )

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        return {f"{self.name}_exp.mem": [word([entry], self.precision + 1) for entry in self.numbers.exponentials]}

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (self.rescale.reference(self.numbers.products(frames[0])),)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        entered = entering(c, self.input)
        out_ready = c.input("out_ready", 1)
        shares = self._shares(c, entered)
        pipeline, data = self._results(c, shares, out_ready)
        leave(c, [(self.input, entered)], self.output, data, pipeline.valid)
        return c

    def _shares(self, c: Circuit, entered: Channel) -> Channel:
        """``e`` of every element."""

        def larger(a: Wire, b: Wire) -> Wire:
            return c.choose(c.compare("slt", a, b), b, a)

        def largest(values: Sequence[Wire], hold: Hold) -> Wire:
            level, levels = list(values), 0
            while len(level) > 1:
                pairs = [larger(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
                levels += 1
                level = [hold(levels, i, wire) for i, wire in enumerate(pairs + level[len(pairs) * 2 :])]
            return level[0]

        fold = Fold(
            [self.input.bits],
            lambda data, hold: [largest(elements_of(c, data, self.input), hold("largest"))],
            lambda known, new: [larger(known[0], new[0])],
            self.levels,
            self.taken("top"),
        )
        waiting, tops = fold_rows(c, "top", entered, self.row_beats, fold, 1)
        top = hold(c, "held", tops)
        ready = c.wire("shares_ready", 1)
        pipeline = apply_rows(c, "share", waiting, top, self.row_beats, 2, ready)
        bits = self.numbers.entry_bits
        memory = c.memory("exp", 1 << bits, self.precision + 1, f"{self.name}_exp.mem")
        addresses = []
        for i, element in enumerate(elements_of(c, waiting.data[0], self.input)):
            distance = c.subtract(top.data[0], element)
            address = c.bits(distance, 0, bits)
            if bits < distance.width:
                far = c.compare("ne", c.bits(distance, bits, distance.width - bits), 0)
                address = c.choose(far, c.constant((1 << bits) - 1, bits), address)
            addresses.append(pipeline.keep(f"distance_{i}", address))
        return Channel((pipeline.keep("exp", lookup(c, memory, addresses)),), pipeline.valid, ready)

    def _results(self, c: Circuit, shares: Channel, out_ready: Wire) -> tuple[Pipeline, Wire]:
        """Products with the reciprocals."""
        share_bits = self.precision + 1
        sum_bits = share_bits + (self.input.shape[-1] - 1).bit_length() + 1
        beat_bits = share_bits + (self.input.beat - 1).bit_length() + 1

        def elements(data: Wire) -> list[Wire]:
            return [c.bits(data, i * share_bits, share_bits) for i in range(self.output.beat)]

        fold = Fold(
            [sum_bits],
            lambda data, hold: [c.sum([c.extend(e, e.width + 1) for e in elements(data)], beat_bits, hold("shares"))],
            lambda known, new: [c.add(known[0], new[0])],
            self.levels,
            self.taken("sum"),
        )
        rounding = self.taken("rounding")
        waiting, sums = fold_rows(c, "sum", shares, self.row_beats, fold, self.pace.latency + 1)
        found = reciprocal(c, "reciprocal", sums, self.numbers.fraction, self.quotient_bits, self.pace)
        # It stands for a whole row, for which the unit need not wait.
        inverse = hold(c, "found", found)
        pipeline = apply_rows(c, "result", waiting, inverse, self.row_beats, 2 + rounding, out_ready)
        factor = c.extend(inverse.data[0], self.quotient_bits + 1)
        results = []
        for i, share in enumerate(elements(waiting.data[0])):
            product = c.multiply(c.extend(share, share_bits + 1), factor)
            kept, rest = self.rescale.trim(c, f"{i}", product)
            product = pipeline.keep(f"product_{i}", kept)
            result = rest.circuit(c, f"{i}", product, pipeline.keep if rounding else None)
            results.append(pipeline.keep(f"{i}", result))
        return pipeline, c.concat(results)
