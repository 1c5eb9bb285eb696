"""scaled_softmax: of every row, its exponentials with a power of two each, in integers defined to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.components.channels import Channel, Pipeline, elements_of, entering, hold, leave
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
from stepwell.support.scaled_softmax import ScaledSoftmax as Numbers
from stepwell.support.widths import Range

_BLOCK_WORDS = 256
"""A table of so many words is in block RAM. Its words come late in a cycle: there is a second register behind them."""


@dataclass(frozen=True)
class ScaledSoftmax(RowComponent):
    """``cast(clamp(round((e * r) >> shift)))``, see ``stream.scaled_softmax``.

    :class:`stepwell.support.scaled_softmax.ScaledSoftmax` has the letters. A row passes once through a memory, until
    the reciprocal of its sum is known. Rows overlap: a beat of a row enters while one of a row before leaves.
    """

    kind: ClassVar[str] = "scaled_softmax"

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
    def in_block_ram(self) -> bool:
        """Whether exponentials are in block RAM."""
        return 1 << self.input.bits >= _BLOCK_WORDS

    @property
    def lines_in_block_ram(self) -> bool:
        """Whether lines to reciprocals are in block RAM."""
        return 1 << self.numbers.reciprocal.chosen >= _BLOCK_WORDS

    @property
    def levels(self) -> int:
        """Of what adds up the exponentials of a beat: they are moved by their powers first."""
        return 1 + (self.input.beat - 1).bit_length()

    @property
    def places(self) -> Sequence[str]:
        trees = ["sum"] * (self.levels - 2)
        return [*trees[:1], "rounding", *trees[1:]]

    @property
    def multipliers(self) -> int:
        return self.output.beat

    def stages(self) -> tuple[Stage, ...]:
        # Registers on the way: exponentials, what is moved, a beat's sum, a row's; then of its reciprocal.
        looked_up = 1 + self.in_block_ram
        latencies = looked_up + self._partial + 2 + self._inverse + 1, 3 + self.taken("rounding")
        depth = waiting_depth(self.row_beats, self._inverse + self._partial) + looked_up
        return row_stages(self.input, self.row_beats, latencies, self.row_beats, depth)

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        half, precision, line = 1 << (self.input.bits - 1), self.precision, self.numbers.reciprocal
        # By the bits of a number, whose sign is the highest; the highest bit of `a` is always set.
        pairs = list(zip(*self.numbers.entries, strict=True))
        fractions = [(a - (1 << precision)) | (p << precision) for a, p in (*pairs[half:], *pairs[:half])]
        lines = [s | (f << self._start_bits) for s, f in zip(line.starts, line.falls, strict=False)]
        return {
            f"{self.name}_exp.mem": [word([entry], self._entry_bits) for entry in fractions],
            f"{self.name}_lines.mem": [word([entry], self._start_bits + self._fall_bits) for entry in lines],
        }

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (self.rescale.reference(self.numbers.products(frames[0])),)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        entered = entering(c, self.input)
        out_ready = c.input("out_ready", 1)
        waiting, sums = fold_rows(
            c, "sum", self._exponentials(c, entered), self.row_beats, self._fold(c), self._inverse
        )
        inverse = self._reciprocal(c, sums)
        pipeline, data = self._results(c, waiting, inverse, out_ready)
        leave(c, [(self.input, entered)], self.output, data, pipeline.valid)
        return c

    def _exponentials(self, c: Circuit, entered: Channel) -> Channel:
        """``a`` without its highest bit, and ``p``, of every element."""
        ready = c.wire("exp_ready", 1)
        pipeline = Pipeline(c, "exp", 1 + self.in_block_ram, entered.valid, ready)
        c.connect(entered.ready, pipeline.advance)
        style = "block" if self.in_block_ram else "logic"
        memory = c.memory("entries", 1 << self.input.bits, self._entry_bits, f"{self.name}_exp.mem", style)
        entries = []
        for i, element in enumerate(elements_of(c, entered.data[0], self.input)):
            entry = pipeline.keep(f"entry_{i}", c.read(memory, element))
            entries.append(pipeline.keep(f"entry_again_{i}", entry) if self.in_block_ram else entry)
        return Channel((c.concat(entries),), pipeline.valid, ready)

    def _fold(self, c: Circuit) -> Fold:
        """Sums of exponentials."""
        numbers = self.numbers
        bits = self.precision + 1 + numbers.largest_power
        beat_bits = bits + self.levels

        def partial(data: Wire, hold: Callable[[str], Hold]) -> list[Wire]:
            moved, added = hold("moved"), hold("added")
            terms = [c.extend(shift_up(c, a, p, bits), bits + 1) for a, p in self._parts(c, data)]
            terms = [moved(1, i, term) for i, term in enumerate(terms)]
            return [c.sum(terms, beat_bits, lambda level, i, wire: added(1 + level, i, wire))]

        return Fold(
            [numbers.sum_bits + 1], partial, lambda known, new: [c.add(known[0], new[0])], self.levels, self._partial
        )

    def _reciprocal(self, c: Circuit, sums: Channel) -> Channel:
        """``r`` and ``t`` of every row; each register waits for itself, so that no row waits for the one before."""
        line = self.numbers.reciprocal
        highest = self._highest(c, sums)
        number, above = highest.data
        bits, style = self._start_bits + self._fall_bits, "block" if self.lines_in_block_ram else "logic"
        memory = c.memory("lines", 1 << line.chosen, bits, f"{self.name}_lines.mem", style)
        entry, place = c.read(memory, c.bits(number, line.along, line.chosen)), c.bits(number, 0, line.along)
        chosen = hold(c, "line", Channel((entry, place, above), highest.valid, highest.ready))
        if self.lines_in_block_ram:
            chosen = hold(c, "line_again", chosen)
        entry, place, above = chosen.data
        start, fall = c.bits(entry, 0, self._start_bits), c.bits(entry, self._start_bits, self._fall_bits)
        product = c.multiply(c.extend(fall, self._fall_bits + 1), c.extend(place, line.along + 1))
        width = self._start_bits + line.along
        if product.width > width:
            c.discard("fall_above", c.bits(product, width, product.width - width))
        height = c.subtract(c.concat([c.constant(0, line.along), start]), c.resize(product, width))
        c.discard("height_below", c.bits(height, 0, line.shift))
        found = c.bits(height, line.shift, width - line.shift)
        return hold(c, "found", Channel((found, above), chosen.valid, chosen.ready))

    def _highest(self, c: Circuit, sums: Channel) -> Channel:
        """``M`` without its highest bit, and ``t``."""
        bits = self.numbers.sum_bits
        c.discard("sign", c.bits(sums.data[0], bits, 1))
        most = bits - self.precision - 1
        steps = range(most.bit_length())[::-1]
        moved = Channel((c.bits(sums.data[0], 0, bits),), sums.valid, sums.ready)
        for step in steps:
            total, *empty = moved.data
            # Up by a power of two where nothing is in as many of the highest bits.
            count = 1 << step
            width = min(total.width, self.precision + count)
            nothing = c.compare("eq", c.bits(total, total.width - count, count), 0)
            below = max(0, width + count - total.width)
            up = c.bits(total, total.width - count - width + below, width - below)
            up = c.concat([c.constant(0, below), up]) if below else up
            total = c.choose(nothing, up, c.bits(total, total.width - width, width))
            moved = Channel((total, nothing, *empty), moved.valid, moved.ready)
            if step == len(steps) // 2:
                moved = hold(c, "half_moved", moved)
        total, *empty = moved.data
        c.discard("highest_bit", c.bits(total, self.precision, 1))
        above = c.subtract(c.constant(most, len(steps)), c.concat(empty))
        return Channel((c.bits(total, 0, self.precision), above), moved.valid, moved.ready)

    def _results(self, c: Circuit, waiting: Channel, inverse: Channel, out_ready: Wire) -> tuple[Pipeline, Wire]:
        """Products with the reciprocals."""
        rounding = self.taken("rounding")
        pipeline = apply_rows(c, "result", waiting, inverse, self.row_beats, 3 + rounding, out_ready)
        found, above = inverse.data
        factor = pipeline.keep("factor", c.extend(found, found.width + 1))
        results = []
        for i, (a, p) in enumerate(self._parts(c, waiting.data[0])):
            twice = c.concat([c.constant(0, 1), a])
            share = shift_down(c, twice, c.subtract(above, c.extend(p, above.width)))
            share = pipeline.keep(f"share_{i}", c.extend(share, share.width + 1))
            kept, rest = self.rescale.trim(c, f"{i}", c.multiply(share, factor))
            product = pipeline.keep(f"product_{i}", kept)
            results.append(pipeline.keep(f"{i}", rest.circuit(c, f"{i}", product, pipeline.keep if rounding else None)))
        return pipeline, c.concat(results)

    def _parts(self, c: Circuit, data: Wire) -> list[tuple[Wire, Wire]]:
        """``a`` and ``p`` of the elements of a beat."""
        entries = [c.bits(data, i * self._entry_bits, self._entry_bits) for i in range(self.input.beat)]
        one, precision = c.constant(1, 1), self.precision
        return [
            (c.concat([c.bits(entry, 0, precision), one]), c.bits(entry, precision, self._entry_bits - precision))
            for entry in entries
        ]

    @property
    def _entry_bits(self) -> int:
        """Of what is known of an exponential."""
        return self.precision + self.numbers.largest_power.bit_length()

    @property
    def _start_bits(self) -> int:
        """Of a line's start."""
        return max(self.numbers.reciprocal.starts).bit_length()

    @property
    def _fall_bits(self) -> int:
        """Of what a line loses."""
        return max(self.numbers.reciprocal.falls).bit_length()

    @property
    def _partial(self) -> int:
        """Registers between the levels of what adds up a beat."""
        return (self.levels > 1) + self.taken("sum")

    @property
    def _inverse(self) -> int:
        """Registers from a row's sum to its reciprocal."""
        return 3 + self.lines_in_block_ram


def shift_up(c: Circuit, value: Wire, places: Wire, width: int) -> Wire:
    """``value`` moved up by an unsigned number of ``places``, in ``width`` bits, which are enough."""
    for bit in range(places.width):
        moved = c.concat([c.constant(0, 1 << bit), value])
        grown = min(width, moved.width)
        value = c.choose(c.bits(places, bit, 1), c.bits(moved, 0, grown), c.extend(value, grown))
    return c.extend(value, width)


def shift_down(c: Circuit, value: Wire, places: Wire) -> Wire:
    """``value`` moved down by an unsigned number of ``places``."""
    for bit in range(places.width):
        count = min(1 << bit, value.width)
        moved = c.extend(c.bits(value, count, value.width - count), value.width) if count < value.width else None
        value = c.choose(c.bits(places, bit, 1), moved or c.constant(0, value.width), value)
    return value
