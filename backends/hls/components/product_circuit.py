"""The circuit of rows times a matrix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.channels import elements_of, entering, leave, place, spread
from stepwell.backends.hls.components.products import Products
from stepwell.backends.hls.components.rescale import Rescale


@dataclass(frozen=True)
class Position:
    """Where the multipliers are.

    Attributes:
        beat, group: beat of the row and group of columns; None where there is one.
        step: whether they move.
        beats_end, row_end: whether they move from the last beat of a row, and from that of its last group.
    """

    beat: Wire | None
    group: Wire | None
    step: Wire
    beats_end: Wire
    row_end: Wire


class ProductCircuit(ABC):
    """The circuit of one :class:`Products`, stage by stage; whoever derives from it says where the matrix is."""

    def __init__(self, spec: Products, element_bits: int) -> None:
        self.spec = spec
        self.element_bits = element_bits
        self.c = Circuit(spec.name)
        self.entered = [(port, entering(self.c, port)) for port in spec.inputs]
        self.rows_port, self.rows = self.entered[0]
        self.out_ready = self.c.input("out_ready", 1)
        self.out_valid = self.c.register("out_valid_r", 1)
        # Everything moves, or nothing: the last register is empty or its beat is taken.
        self.advance = self.c.either(self.out_ready, self.c.negate(self.out_valid))

    @abstractmethod
    def available(self, beat: Wire | None, group: Wire | None) -> Wire | None:
        """Whether the matrix is there, as far as it is read now; None where it always is."""

    @abstractmethod
    def matrix(self, position: Position) -> Wire:
        """The elements that are multiplied: those of a column side by side, one column after the other."""

    @abstractmethod
    def column(self, position: Position) -> Wire | None:
        """Which columns are computed, as :meth:`starts` wants to know it; None where there are no others."""

    @abstractmethod
    def starts(self, column: Wire | None) -> list[Wire]:
        """What the sums of a group of columns begin with."""

    def build(self) -> Circuit:
        """The module."""
        spec, c = self.spec, self.c
        position, fresh = self._position()
        word, rows, valid = self.matrix(position), self._row(position, fresh), position.step
        column = self.column(position)
        # A flag that never changes costs nothing: constants stay constants.
        first = self._is(position.beat, 0) if position.beat else None
        last = self._is(position.beat, spec.row_beats - 1) if position.beat else None
        for stage in range(1, spec.fetching + spec.taken("tree") + 3):
            if stage <= spec.fetching:
                word = self._delay(f"matrix_{stage}", word, reset=False)
                rows = self._delay(f"operands_{stage}", rows, reset=False)
            valid = self._delay(f"valid_{stage}", valid)
            first = self._delay(f"first_{stage}", first) if first else None
            last = self._delay(f"last_{stage}", last) if last else None
            column = self._delay(f"column_{stage}", column) if column else None
        sums = [self._delay(f"sum_{o}", s, reset=False) for o, s in enumerate(self._products(rows, word))]
        totals = self._accumulate(sums, valid, first, column)
        done = self._delay("done", c.both(valid, last) if last else valid)
        hold = partial(self._delay, reset=False) if spec.taken("rounding") else None
        results = [
            self._delay(f"result_{o}", rescale.circuit(c, f"{o}", total, hold), reset=False)
            for o, (total, rescale) in enumerate(totals)
        ]
        if hold:
            done = self._delay("rounded", done)
        c.drive(self.out_valid, done, self.advance)
        leave(c, self.entered, spec.output, c.concat(results), self.out_valid)
        return c

    def _position(self) -> tuple[Position, Wire | None]:
        """Where it stands, and whether the row comes from outside (None where it always does)."""
        spec, c = self.spec, self.c
        step = c.wire("step", 1)
        beat, _, last = place(c, "beat", spec.row_beats, step)
        beats_end = c.both(step, last) if beat else step
        group, fresh, last = place(c, "group", spec.column_groups, beats_end)
        row_end = c.both(beats_end, last) if group else beats_end
        there = self.available(beat, group)
        free = c.both(self.advance, there) if there else self.advance
        c.connect(self.rows.ready, c.both(free, fresh) if group else free)
        c.connect(step, c.both(free, c.either(self.rows.valid, c.negate(fresh)) if group else self.rows.valid))
        return Position(beat, group, step, beats_end, row_end), fresh if group else None

    def _row(self, position: Position, fresh: Wire | None) -> Wire:
        """The beat to work on: from outside for the first group of columns, from the row's copy for the others."""
        (data,) = self.rows.data
        if fresh is None:
            return data
        c = self.c
        memory = c.memory("row", self.spec.row_beats, data.width)
        address = spread(c, position.beat)
        c.write(memory, address, data, c.both(position.step, fresh))
        return c.choose(fresh, data, c.read(memory, address))

    def _products(self, rows: Wire, word: Wire) -> list[Wire]:
        """For each column of the group, lane by lane, the sum of this beat's products."""
        spec, c = self.spec, self.c
        by_input, by_output = spec.unroll
        full = self.rows_port.bits + self.element_bits + (by_input - 1).bit_length()
        width = min(full, spec.accumulator)
        values, lanes = elements_of(c, rows, self.rows_port), spec.output.beat // by_output
        sums = []
        for o in range(spec.output.beat):
            terms = []
            for i, value in enumerate(values[o // by_output :: lanes]):
                element = c.bits(word, (o * by_input + i) * self.element_bits, self.element_bits)
                product = c.multiply(value, element)
                if product.width > width:
                    c.discard(f"high_{o}_{i}", c.bits(product, width, product.width - width))
                product = c.resize(product, min(product.width, width))
                terms.append(self._delay(f"product_{o}_{i}", product, reset=False))
            sums.append(c.sum(terms, width, partial(self._hold, f"level_{o}")))
        return sums

    def _hold(self, name: str, level: int, number: int, wire: Wire) -> Wire:
        """A wire of an adder tree, in a register behind some levels."""
        if level not in self.spec.held_levels:
            return wire
        return self._delay(f"{name}_{level}_{number}", wire, reset=False)

    def _accumulate(
        self, sums: list[Wire], valid: Wire, first: Wire | None, column: Wire | None
    ) -> list[tuple[Wire, Rescale]]:
        """Add up the sums of a row's beats; gives the totals and what is still to be done with each."""
        spec, c = self.spec, self.c
        width = spec.accumulator
        enable = c.both(self.advance, valid)
        totals = []
        for o, (start, term) in enumerate(zip(self.starts(column), sums, strict=True)):
            if first is None:  # a row is one beat: nothing to accumulate, so only what rounding reads is kept
                kept, rest = spec.rescale.trim(c, f"{o}", c.add(start, c.resize(term, width)))
                totals.append((self._delay(f"total_{o}", kept, reset=False), rest))
                continue
            total = c.register(f"total_{o}", width)
            c.drive(total, c.add(c.choose(first, start, total), c.resize(term, width)), enable, reset=False)
            totals.append((total, spec.rescale))
        return totals

    def _delay(self, name: str, value: Wire, *, reset: bool = True) -> Wire:
        return self.c.drive(self.c.register(name, value.width), value, self.advance, reset=reset)

    def _is(self, counter: Wire, value: int) -> Wire:
        return self.c.compare("eq", counter, value)
