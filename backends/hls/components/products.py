"""Rows times a matrix: what linear layers and products of two streams share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.components.channels import elements_of, entering, leave, place, spread
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.support.widths import Range


@dataclass(frozen=True)
class Products(Component):
    """``out[n] = cast(clamp(round((start[n] + sum_k in[k] * matrix[k, n]) >> shift)))`` for every row.

    ``unroll``: elements of a row, and columns that they meet, in every cycle. A row is read once and kept for
    the other columns; the next row comes in while the last columns of this one are computed. Four registers lie between
    a row's last beat and its first result: operands, sum of products, accumulator, result.
    """

    inner: int
    outer: int
    unroll: tuple[int, int]
    accumulator: int
    shift: int
    rounding: str
    clamp: Range

    @property
    def row_beats(self) -> int:
        """Beats of an input row."""
        return self.inner // self.unroll[0]

    @property
    def column_groups(self) -> int:
        """Beats of an output row."""
        return self.outer // self.unroll[1]

    @property
    def rescale(self) -> Rescale:
        """What happens to the sums."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def multipliers(self) -> int:
        return math.prod(self.unroll)

    @property
    def cycles(self) -> int:
        return math.prod(self.inputs[0].shape[:-1]) * self.row_beats * self.column_groups


@dataclass(frozen=True)
class Position:
    """Where the multipliers are: beat of the row, group of columns (None where there is one), and whether they move."""

    beat: Wire | None
    group: Wire | None
    step: Wire
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
    def available(self) -> Wire | None:
        """Whether the matrix is there; None where it always is."""

    @abstractmethod
    def matrix(self, position: Position) -> Wire:
        """The elements that are multiplied: those of a column side by side, one column after the other."""

    @abstractmethod
    def starts(self, group: Wire | None) -> list[Wire]:
        """What the sums of a group of columns begin with."""

    def build(self) -> Circuit:
        """The module."""
        spec, c = self.spec, self.c
        position, fresh = self._position()
        operands = self._row(position, fresh)
        word = self._delay("weights", self.matrix(position), reset=False)
        rows = self._delay("operands", operands, reset=False)
        valid = self._delay("valid_1", position.step)
        group = position.group
        # A flag that never changes costs nothing: constants stay constants.
        first = self._is(position.beat, 0) if position.beat else None
        last = self._is(position.beat, spec.row_beats - 1) if position.beat else None
        for stage in (1, 2):
            first = self._delay(f"first_{stage}", first) if first else None
            last = self._delay(f"last_{stage}", last) if last else None
            group = self._delay(f"group_{stage}", group) if group else None
        sums = [self._delay(f"sum_{o}", s, reset=False) for o, s in enumerate(self._products(rows, word))]
        valid = self._delay("valid_2", valid)
        totals = self._accumulate(sums, valid, first, group)
        done = self._delay("valid_3", c.both(valid, last) if last else valid)
        results = [
            self._delay(f"result_{o}", rescale.circuit(c, f"{o}", total), reset=False)
            for o, (total, rescale) in enumerate(totals)
        ]
        c.drive(self.out_valid, done, self.advance)
        leave(c, self.entered, spec.output, c.concat(results), self.out_valid)
        return c

    def _position(self) -> tuple[Position, Wire | None]:
        """Where it stands, and whether the row comes from outside (None where it always does)."""
        spec, c = self.spec, self.c
        there, step = self.available(), c.wire("step", 1)
        beat, _, last = place(c, "beat", spec.row_beats, step)
        row_end = c.both(step, last)
        group, fresh, last = place(c, "group", spec.column_groups, row_end)
        conditions = [self.advance, *([there] if there else [])]
        taken = c.both(*conditions, fresh) if group else c.both(*conditions)
        c.connect(self.rows.ready, taken)
        c.connect(step, c.both(*conditions, c.either(self.rows.valid, c.negate(fresh)) if group else self.rows.valid))
        return Position(beat, group, step, c.both(row_end, last)), fresh if group else None

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
        """For each column of the group the sum of this beat's products."""
        spec, c = self.spec, self.c
        by_input, by_output = spec.unroll
        full = self.rows_port.bits + self.element_bits + (by_input - 1).bit_length()
        width = min(full, spec.accumulator)
        values = elements_of(c, rows, self.rows_port)
        sums = []
        for o in range(by_output):
            terms = []
            for i, value in enumerate(values):
                weight = c.bits(word, (o * by_input + i) * self.element_bits, self.element_bits)
                terms.append(c.resize(c.multiply(value, weight), width))
            sums.append(c.sum(terms))
        return sums

    def _accumulate(
        self, sums: list[Wire], valid: Wire, first: Wire | None, group: Wire | None
    ) -> list[tuple[Wire, Rescale]]:
        """Add up the sums of a row's beats; gives the totals and what is still to be done with each."""
        spec, c = self.spec, self.c
        width = spec.accumulator
        enable = c.both(self.advance, valid)
        totals = []
        for o, (start, term) in enumerate(zip(self.starts(group), sums, strict=True)):
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
