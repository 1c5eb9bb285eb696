"""linear: rows times a weight matrix that stays in the hardware, with bias, rounding shift, clamp and cast."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, divisors
from stepwell.backends.hls.components.counter import address_width
from stepwell.backends.hls.components.rescale import Rescale, modular, wrap
from stepwell.backends.hls.components.schedule import Schedule
from stepwell.backends.hls.components.unrolled import Unrolled
from stepwell.backends.hls.components.words import word


@dataclass(frozen=True)
class Linear(Unrolled):
    """``out[n] = cast(clamp(round((bias[n] + sum_k in[k] * weight[k, n]) >> shift)))``, see ``stream.linear``.

    ``unroll``: elements of a row, and columns that they meet, in every cycle. A row is read once and kept for
    the other columns; the next row comes in while the last columns of this one are computed. :attr:`latency` registers
    lie between a row's last beat and its first result: operands (twice behind block RAM, which is slow), products,
    their sum, accumulator, result.

    ``groups`` of rows follow each other, each with ``outer`` columns of its own; ``lanes`` of them go side by side:
    a beat has ``unroll[0]`` elements of each.
    """

    kind: ClassVar[str] = "linear"

    inner: int
    outer: int
    groups: int
    lanes: int
    weight: str
    weight_bits: int
    weight_layout: str
    bias: str
    accumulator: int
    shift: int
    rounding: str
    clamp: tuple[int, int]

    def choices(self) -> Sequence[tuple[int, ...]]:
        if self.lanes > 1:  # the order in which elements come is made for these beats
            return [self.unroll]
        return list(itertools.product(divisors(self.inner), divisors(self.outer)))

    @property
    def row_beats(self) -> int:
        """Beats of an input row."""
        return self.inner // self.unroll[0]

    @property
    def column_groups(self) -> int:
        """Beats of an output row."""
        return self.outer // self.unroll[1]

    @property
    def banks(self) -> int:
        """Rows that have different weights."""
        return self.groups // self.lanes

    @property
    def in_block_ram(self) -> bool:
        """Whether the weights are in block RAM; fewer words than a look-up table has are not worth it."""
        return self.words >= 64

    @property
    def words(self) -> int:
        """Words of weights, one for a step each."""
        return self.row_beats * self.column_groups * self.banks

    @property
    def latency(self) -> int:
        """Registers between a row's last beat and its first result."""
        return 6 if self.in_block_ram else 5

    @property
    def rescale(self) -> Rescale:
        """What happens to the sums."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def multipliers(self) -> int:
        return self.lanes * math.prod(self.unroll)

    @property
    def cycles(self) -> int:
        return self.input.beats * self.column_groups

    def schedule(self) -> Schedule:
        beats, groups = self.row_beats, self.column_groups
        rows = np.arange(self.input.beats // beats)[:, np.newaxis] * beats * groups
        takes = (rows + np.arange(beats)).ravel()
        sends = (rows + np.arange(1, groups + 1) * beats - 1).ravel()
        return Schedule(self.cycles, (takes,), (takes,), (sends,), self.latency)

    @property
    def parameters(self) -> tuple[str, ...]:
        return (self.weight, self.bias) if self.bias else (self.weight,)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        elements = modular(self.input.arriving(frames[0]))
        tiles = elements.reshape(-1, self.banks, self.row_beats, self.lanes, self.unroll[0])
        rows = tiles.transpose(1, 3, 0, 2, 4).reshape(self.groups, -1, self.inner)
        columns = modular(self._matrix(parameters)).reshape(self.inner, self.groups, self.outer).transpose(1, 0, 2)
        sums = (rows @ columns).transpose(1, 0, 2).reshape(-1, self.groups * self.outer)
        if self.bias:
            sums = sums + modular(parameters[self.bias])
        return (self.output.restored(self.rescale.reference(wrap(sums, self.accumulator)))[0],)

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        groups, beats = self.column_groups, self.row_beats
        tiles = self._matrix(parameters).reshape(beats, self.unroll[0], self.banks, self.lanes, groups, self.unroll[1])
        words = tiles.transpose(2, 4, 0, 3, 5, 1).reshape(-1, self.multipliers)
        files = {f"{self.name}_weight.mem": [word(row, self.weight_bits) for row in words]}
        if self.bias:
            bias = parameters[self.bias].reshape(self.banks * groups, self.lanes * self.unroll[1])
            files[f"{self.name}_bias.mem"] = [word(row, self.accumulator) for row in bias]
        return files

    def circuit(self) -> Circuit:
        return _LinearCircuit(self).build()

    def _matrix(self, parameters: Mapping[str, Array]) -> Array:
        matrix = parameters[self.weight]
        return matrix.T if self.weight_layout == "nk" else matrix


class _LinearCircuit:
    """The circuit of one :class:`Linear`; stage by stage."""

    def __init__(self, spec: Linear) -> None:
        self.spec = spec
        self.c = Circuit(spec.name)
        self.in_data = self.c.input("in_data", spec.input.width)
        self.in_valid = self.c.input("in_valid", 1)
        self.out_ready = self.c.input("out_ready", 1)
        self.out_valid = self.c.register("out_valid_r", 1)
        # Everything moves, or nothing: the last register is empty or its beat is taken.
        self.advance = self.c.either(self.out_ready, self.c.negate(self.out_valid))

    def build(self) -> Circuit:
        spec, c = self.spec, self.c
        beat, group, address, step = self._counters()
        column = self._column(beat, group, step)
        word, rows, valid = self._weights(address), self._row(beat, group, step), step
        # A flag that never changes costs nothing: constants stay constants.
        first = self._is(beat, 0) if beat else None
        last = self._is(beat, spec.row_beats - 1) if beat else None
        before = spec.latency - 2
        for stage in range(1, before + 1):
            if stage <= before - 2:
                word = self._delay(f"weights_{stage}", word, reset=False)
                rows = self._delay(f"operands_{stage}", rows, reset=False)
            valid = self._delay(f"valid_{stage}", valid)
            first = self._delay(f"first_{stage}", first) if first else None
            last = self._delay(f"last_{stage}", last) if last else None
            column = self._delay(f"column_{stage}", column) if column else None
        sums = [self._delay(f"sum_{o}", s, reset=False) for o, s in enumerate(self._products(rows, word))]
        totals = self._accumulate(sums, valid, first, column)
        done = self._delay("done", c.both(valid, last) if last else valid)
        results = [
            self._delay(f"result_{o}", rescale.circuit(c, f"{o}", total), reset=False)
            for o, (total, rescale) in enumerate(totals)
        ]
        c.drive(self.out_valid, done, self.advance)
        c.output("in_ready", c.both(self.advance, self._is(self.group, 0)) if self.group else self.advance)
        c.output("out_data", c.concat(results))
        c.output("out_valid", self.out_valid)
        return c

    def _counters(self) -> tuple[Wire | None, Wire | None, Wire | None, Wire]:
        """Beat in the row, group of columns, address of the weights (None where there is only one), and the step."""
        spec, c = self.spec, self.c
        beats, groups = spec.row_beats, spec.column_groups
        beat = c.register("beat", address_width(beats)) if beats > 1 else None
        group = self.group = c.register("group", address_width(groups)) if groups > 1 else None
        ready = c.either(self.in_valid, c.negate(self._is(group, 0))) if group else self.in_valid
        step = c.both(self.advance, ready)
        row_end = step
        if beat:
            last = self._is(beat, beats - 1)
            self._count(beat, last, step)
            row_end = c.both(step, last)
        if group:
            last = self._is(group, groups - 1)
            self._count(group, last, row_end)
        if spec.banks == 1 and not (beat and group):
            return beat, group, beat or group, step
        address = c.register("address", address_width(spec.words))
        self._count(address, c.compare("eq", address, spec.words - 1), step)
        return beat, group, address, step

    def _column(self, beat: Wire | None, group: Wire | None, step: Wire) -> Wire | None:
        """Which columns of all groups are computed; None where there are no others."""
        spec, c = self.spec, self.c
        if spec.banks == 1:
            return group
        columns = spec.banks * spec.column_groups
        column = c.register("column", address_width(columns))
        row_end = c.both(step, self._is(beat, spec.row_beats - 1)) if beat else step
        self._count(column, self._is(column, columns - 1), row_end)
        return column

    def _count(self, register: Wire, last: Wire, enable: Wire) -> None:
        c = self.c
        following = c.add(register, c.constant(1, register.width))
        c.drive(register, c.choose(last, c.constant(0, register.width), following), enable)

    def _row(self, beat: Wire | None, group: Wire | None, step: Wire) -> Wire:
        """The beat to work on: from outside for the first group of columns, from the row's copy for the others."""
        if group is None:
            return self.in_data
        c = self.c
        fresh = self._is(group, 0)
        memory = c.memory("row", self.spec.row_beats, self.spec.input.width)
        address = beat or c.constant(0, 1)
        c.write(memory, address, self.in_data, c.both(step, fresh))
        return c.choose(fresh, self.in_data, c.read(memory, address))

    def _weights(self, address: Wire | None) -> Wire:
        spec = self.spec
        width, style = spec.multipliers * spec.weight_bits, "block" if spec.in_block_ram else ""
        memory = self.c.memory("weight", spec.words, width, f"{spec.name}_weight.mem", style)
        return self.c.read(memory, address or self.c.constant(0, 1))

    def _products(self, rows: Wire, word: Wire) -> list[Wire]:
        """For each column of the group, lane by lane, the sum of this beat's products."""
        spec, c = self.spec, self.c
        full = spec.input.bits + spec.weight_bits + (spec.unroll[0] - 1).bit_length()
        width = min(full, spec.accumulator)
        sums = []
        for o in range(spec.output.beat):
            terms = []
            for i in range(spec.unroll[0]):
                element = o // spec.unroll[1] * spec.unroll[0] + i
                value = c.bits(rows, element * spec.input.bits, spec.input.bits)
                weight = c.bits(word, (o * spec.unroll[0] + i) * spec.weight_bits, spec.weight_bits)
                product = c.multiply(value, weight)
                product = c.resize(product, min(product.width, width))
                product = self._delay(f"product_{o}_{i}", product, reset=False)
                terms.append(c.resize(product, width))
            sums.append(c.sum(terms))
        return sums

    def _accumulate(
        self, sums: list[Wire], valid: Wire, first: Wire | None, column: Wire | None
    ) -> list[tuple[Wire, Rescale]]:
        """Add the sums of a row's beats to the bias; gives the totals and what is still to be done with each."""
        spec, c = self.spec, self.c
        width = spec.accumulator
        count = spec.output.beat
        starts = [c.constant(0, width)] * count
        if spec.bias:
            columns = spec.banks * spec.column_groups
            memory = c.memory("bias", columns, count * width, f"{spec.name}_bias.mem")
            word = c.read(memory, column or c.constant(0, 1))
            starts = [c.bits(word, o * width, width) for o in range(count)]
        enable = c.both(self.advance, valid)
        totals = []
        for o, (start, term) in enumerate(zip(starts, sums, strict=True)):
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
