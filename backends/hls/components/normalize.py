"""normalize: every row brought to mean 0 and variance 1, or to a mean square of 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.channels import (
    Channel,
    elements_of,
    entering,
    hold,
    iterate,
    leave,
)
from stepwell.backends.hls.components.counter import address_width
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.backends.hls.components.roots import reciprocal, square_root
from stepwell.backends.hls.components.rows import Fold, apply_rows, fold_rows, row_stages, waiting_depth
from stepwell.backends.hls.components.schedule import Stage
from stepwell.support.fixed_point import Format
from stepwell.support.fixed_rows import Normalization
from stepwell.support.widths import Range, signed_width


@dataclass(frozen=True)
class Normalize(Component):
    """``cast(clamp(round((((n * x - S) << k) * r) >> shift)))``, see ``stream.normalize``.

    :class:`stepwell.support.fixed_rows.Normalization` has the letters. A row waits in a memory until its ``r`` is
    known; three units in a row find it: they move ``V``, take the root, divide. Rows overlap.
    """

    kind: ClassVar[str] = "normalize"

    centered: int
    offset: int
    precision: int
    shift: int
    rounding: str
    clamp: Range

    @cached_property
    def numbers(self) -> Normalization:
        """What it computes."""
        source = Format(self.input.bits)
        return Normalization(self.input.shape[-1], source, self.offset, bool(self.centered), self.precision)

    @property
    def rescale(self) -> Rescale:
        """What happens to the products."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def row_beats(self) -> int:
        """Beats of a row."""
        return self.input.shape[-1] // self.input.beat

    @property
    def steps(self) -> tuple[int, int, int]:
        """Cycles of the three units."""
        bits = self.numbers.half_bits - 1, self.precision, self.precision + 1
        moves, roots, quotients = (max(1, -(-n // self._digits(n))) for n in bits)
        return moves, roots, quotients

    @property
    def multipliers(self) -> int:
        return 2 * self.output.beat + self.centered

    @property
    def cycles(self) -> int:
        return self.input.beats // self.row_beats * max(self.row_beats, *self.steps)

    def stages(self) -> tuple[Stage, ...]:
        spent = sum(self.steps) + 3
        latencies = 3 + spent, 4
        return row_stages(self.input, self.row_beats, latencies, max(self.steps), waiting_depth(self.row_beats, spent))

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (self.rescale.reference(self.numbers.products(frames[0])),)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        entered = entering(c, self.input)
        out_ready = c.input("out_ready", 1)
        waiting, sums = fold_rows(c, "sum", entered, self.row_beats, self._fold(c), sum(self.steps) + 3)
        factor, places, *mean = (found := self._reciprocal(c, sums)).data
        pipeline = apply_rows(c, "result", waiting, found, self.row_beats, 4, out_ready)
        width = self.numbers.distance_bits
        rows = pipeline.keep("factor", pipeline.keep("factor_early", c.extend(factor, factor.width + 1)))
        places = pipeline.keep("places", places)
        results = []
        for i, element in enumerate(elements_of(c, waiting.data[0], self.input)):
            distance = self._times_length(c, element, width)
            if mean:
                distance = c.subtract(distance, c.resize(mean[0], width))
            moved = pipeline.keep(f"moved_{i}", c.shift_left(pipeline.keep(f"distance_{i}", distance), places))
            kept, rest = self.rescale.trim(c, f"{i}", c.multiply(moved, rows))
            results.append(pipeline.keep(f"{i}", rest.circuit(c, f"{i}", pipeline.keep(f"product_{i}", kept))))
        leave(c, [(self.input, entered)], self.output, c.concat(results), pipeline.valid)
        return c

    def _fold(self, c: Circuit) -> Fold:
        """Sums of squares, and of elements."""
        length, bits = self.input.shape[-1], self.input.bits

        def widths(count: int) -> tuple[int, int]:
            return signed_width((0, count << (2 * bits - 2))), signed_width((-count << (bits - 1), 0))

        def partial(data: Wire) -> list[Wire]:
            elements = elements_of(c, data, self.input)
            squares_bits, sum_bits = widths(len(elements))
            parts = [c.sum([c.multiply(element, element) for element in elements], squares_bits)]
            if self.centered:
                parts.append(c.sum(elements, sum_bits))
            return parts

        return Fold(
            widths(length)[: 1 + self.centered],
            partial,
            lambda known, new: [c.add(a, b) for a, b in zip(known, new, strict=True)],
        )

    def _reciprocal(self, c: Circuit, sums: Channel) -> Channel:
        """``r``, ``k`` and, if centered, ``S`` of every row."""
        half, precision = self.numbers.half_bits, self.precision
        squares, *mean = sums.data
        spread = c.add(self._times_length(c, squares, 2 * half), c.constant(self.offset, 2 * half))
        if mean:
            square = c.multiply(mean[0], mean[0])
            if square.width > 2 * half:  # signs
                c.discard("square_above", c.bits(square, 2 * half, square.width - 2 * half))
            spread = c.subtract(spread, c.resize(square, 2 * half))
        held = hold(c, "held", Channel((spread, *mean), sums.valid, sums.ready))
        bits = address_width(half)

        def move(state: Sequence[Wire]) -> list[Wire]:
            value, places, *others = state
            for _ in range(self._digits(half - 1)):
                small = c.compare("eq", c.bits(value, 2 * half - 2, 2), 0)
                up = c.concat([c.constant(0, 2), c.bits(value, 0, 2 * half - 2)])
                value = c.choose(small, up, value)
                places = c.add(places, c.extend(small, bits))
            return [value, places, *others]

        def highest(state: Sequence[Wire]) -> list[Wire]:
            return [c.bits(state[0], 2 * (half - precision), 2 * precision), *state[1:]]

        start = [held.data[0], c.constant(0, bits), *held.data[1:]]
        moved = iterate(c, "moved", held, self.steps[0], start, move, highest)
        root = square_root(c, "root", moved, self._digits(precision))
        power, quotient_bits = 2 * precision - 1, precision + 1
        return reciprocal(c, "reciprocal", root, power, quotient_bits, self._digits(quotient_bits))

    def _times_length(self, c: Circuit, value: Wire, width: int) -> Wire:
        length = self.input.shape[-1]
        return c.resize(c.multiply(value, c.constant(length, length.bit_length() + 1)), width)

    def _digits(self, bits: int) -> int:
        """Bits that a unit finds in a cycle: enough to be done in half the time of a row, up to 4."""
        return max(1, min(4, -(-2 * bits // self.row_beats)))
