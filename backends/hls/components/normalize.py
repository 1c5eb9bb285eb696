"""normalize: every row brought to mean 0 and variance 1, or to a mean square of 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.components.channels import (
    Channel,
    elements_of,
    entering,
    hold,
    leave,
)
from stepwell.backends.hls.components.counter import address_width
from stepwell.backends.hls.components.roots import Pace, in_units, reciprocal, square_root
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
from stepwell.support.fixed_point import Format
from stepwell.support.fixed_rows import Normalization
from stepwell.support.widths import Range, signed_width


@dataclass(frozen=True)
class Normalize(RowComponent):
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
    def paces(self) -> tuple[Pace, Pace, Pace]:
        """How the three units work."""
        halved = self.taken("division")
        move, root, quotient = (Pace.of(bits, self._digits(bits), halved) for bits in self._found)
        return move, root, quotient

    @property
    def spent(self) -> int:
        """Cycles from a row's sums to its ``r``."""
        return sum(pace.latency for pace in self.paces) + 1

    @property
    def levels(self) -> int:
        """Of the trees that add up a beat: the products, then the sums."""
        return 1 + (self.input.beat - 1).bit_length()

    @property
    def places(self) -> Sequence[str]:
        trees = ["sum"] * (self.levels - 1)
        halvings = max((self._digits(bits) - 1).bit_length() for bits in self._found)
        centered = ["spread", "distance"] if self.centered else []
        return [*trees[:1], *centered[:1], *["division"] * halvings, *centered[1:], "rounding", *trees[1:]]

    @property
    def multipliers(self) -> int:
        return 2 * self.output.beat + self.centered

    @property
    def cycles(self) -> int:
        return self.input.beats // self.row_beats * max(self.row_beats, *(pace.steps for pace in self.paces))

    def stages(self) -> tuple[Stage, ...]:
        steps = max(pace.steps for pace in self.paces)
        added = self.taken("sum") + self.taken("spread")
        latencies = 3 + self.spent + added, self._depth
        return row_stages(
            self.input, self.row_beats, latencies, steps, waiting_depth(self.row_beats, self.spent + added)
        )

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (self.rescale.reference(self.numbers.products(frames[0])),)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        entered = entering(c, self.input)
        out_ready = c.input("out_ready", 1)
        waiting, sums = fold_rows(c, "sum", entered, self.row_beats, self._fold(c), self.spent + self.taken("spread"))
        factor, places, *mean = (found := self._reciprocal(c, sums)).data
        pipeline = apply_rows(c, "result", waiting, found, self.row_beats, self._depth, out_ready)
        width = self.numbers.distance_bits
        if split := self.taken("distance"):
            factor, places = pipeline.keep("factor_first", factor), pipeline.keep("places_first", places)
            mean = [pipeline.keep("mean", wire) for wire in mean]
        rows = pipeline.keep("factor", pipeline.keep("factor_early", c.extend(factor, factor.width + 1)))
        places = pipeline.keep("places", places)
        hold = pipeline.keep if self.taken("rounding") else None
        results = []
        for i, element in enumerate(elements_of(c, waiting.data[0], self.input)):
            distance = self._times_length(c, element, width)
            if split:
                distance = pipeline.keep(f"scaled_{i}", distance)
            if mean:
                distance = c.subtract(distance, c.resize(mean[0], width))
            moved = pipeline.keep(f"moved_{i}", c.shift_left(pipeline.keep(f"distance_{i}", distance), places))
            kept, rest = self.rescale.trim(c, f"{i}", c.multiply(moved, rows))
            results.append(pipeline.keep(f"{i}", rest.circuit(c, f"{i}", pipeline.keep(f"product_{i}", kept), hold)))
        leave(c, [(self.input, entered)], self.output, c.concat(results), pipeline.valid)
        return c

    def _fold(self, c: Circuit) -> Fold:
        """Sums of squares, and of elements."""
        length, bits = self.input.shape[-1], self.input.bits

        def widths(count: int) -> tuple[int, int]:
            return signed_width((0, count << (2 * bits - 2))), signed_width((-count << (bits - 1), 0))

        def total(terms: list[Wire], bits: int, hold: Hold) -> Wire:
            products = [hold(1, i, term) for i, term in enumerate(terms)]
            return c.sum(products, bits, lambda level, i, wire: hold(1 + level, i, wire))

        def partial(data: Wire, hold: Callable[[str], Hold]) -> list[Wire]:
            elements = elements_of(c, data, self.input)
            squares_bits, sum_bits = widths(len(elements))
            parts = [total([c.multiply(element, element) for element in elements], squares_bits, hold("squares"))]
            if self.centered:
                parts.append(total(elements, sum_bits, hold("elements")))
            return parts

        return Fold(
            widths(length)[: 1 + self.centered],
            partial,
            lambda known, new: [c.add(a, b) for a, b in zip(known, new, strict=True)],
            self.levels,
            self.taken("sum"),
        )

    def _reciprocal(self, c: Circuit, sums: Channel) -> Channel:
        """``r``, ``k`` and, if centered, ``S`` of every row."""
        half, precision, length = self.numbers.half_bits, self.precision, self.input.shape[-1]
        squares, *mean = sums.data
        # A power of two in the length moves bits beyond those that hold every V.
        used = 2 * half - (length & -length).bit_length() + 1
        if squares.width > used:
            c.discard("squares_above", c.bits(squares, used, squares.width - used))
        spread = self._times_length(c, squares, 2 * half)
        squared = [c.multiply(wire, wire) for wire in mean]
        if squared and squared[0].width > 2 * half:  # signs
            c.discard("square_above", c.bits(squared[0], 2 * half, squared[0].width - 2 * half))
        squared = [c.resize(wire, 2 * half) for wire in squared]
        if self.taken("spread"):
            sums = hold(c, "squared", Channel((spread, *squared, *mean), sums.valid, sums.ready))
            spread, *rest = sums.data
            squared, mean = rest[:1], rest[1:]
        spread = c.add(spread, c.constant(self.offset, 2 * half))
        for wire in squared:
            spread = c.subtract(spread, wire)
        held = hold(c, "held", Channel((spread, *mean), sums.valid, sums.ready))
        bits = address_width(half)
        move_pace, root_pace, quotient_pace = self.paces

        def move(state: Sequence[Wire]) -> list[Wire]:
            value, places, *others = state
            for _ in range(move_pace.digits):
                small = c.compare("eq", c.bits(value, 2 * half - 2, 2), 0)
                up = c.concat([c.constant(0, 2), c.bits(value, 0, 2 * half - 2)])
                value = c.choose(small, up, value)
                places = c.add(places, c.extend(small, bits))
            return [value, places, *others]

        def highest(state: Sequence[Wire]) -> list[Wire]:
            return [c.bits(state[0], 2 * (half - precision), 2 * precision), *state[1:]]

        start = [held.data[0], c.constant(0, bits), *held.data[1:]]
        moved = in_units(c, "moved", held, move_pace, start, move, highest)
        root = square_root(c, "root", moved, root_pace)
        found = reciprocal(c, "reciprocal", root, 2 * precision - 1, precision + 1, quotient_pace)
        # It stands for a whole row, for which the unit need not wait.
        return hold(c, "found", found)

    def _times_length(self, c: Circuit, value: Wire, width: int) -> Wire:
        length = self.input.shape[-1]
        return c.resize(c.multiply(value, c.constant(length, length.bit_length() + 1)), width)

    @property
    def _depth(self) -> int:
        """Registers of what every element goes through."""
        return 4 + self.taken("distance") + self.taken("rounding")

    @property
    def _found(self) -> tuple[int, int, int]:
        """Bits that the three units find."""
        return max(1, self.numbers.half_bits - 1), self.precision, self.precision + 1

    def _digits(self, bits: int) -> int:
        """Bits that a unit finds in a cycle: enough to be done in half the time of a row, up to 4."""
        return max(1, min(4, -(-2 * bits // self.row_beats)))
