"""matmul: two streams of matrices, the right one kept while rows of the left one go by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.components.channels import elements_of, place
from stepwell.backends.hls.components.double_buffer import double_buffer
from stepwell.backends.hls.components.product_circuit import Position, ProductCircuit
from stepwell.backends.hls.components.products import Products
from stepwell.backends.hls.components.rescale import modular, wrap
from stepwell.backends.hls.components.schedule import Kept, Schedule, Stage
from stepwell.support.beats import right_beat


@dataclass(frozen=True)
class Matmul(Products):
    """``out[m, n] = cast(clamp(round((sum_k left[m, k] * right[k, n]) >> shift)))``, see ``stream.matmul``.

    The next right matrix is written to one half of a memory while this one is read from the other; a first one is
    read while it comes. ``layout``: ``kn`` as it is, beats of columns; ``nk`` transposed, beats of what is summed over.
    A beat of the right matrix may have all that is multiplied in a cycle, if it has whole rows.
    """

    kind: ClassVar[str] = "matmul"
    reads: ClassVar[tuple[str, ...]] = ("left", "right")

    layout: str

    def spread(self, parallelism: tuple[int, ...]) -> Self:
        cut = super().spread(parallelism)
        left, right = cut.inputs
        beat = right_beat(self.layout, self.inner, self.outer, cut.unroll, whole=self.in_whole_words)
        return replace(cut, inputs=(left, right.cut(beat)))

    @property
    def in_whole_words(self) -> bool:
        """Whether a beat of the right matrix has all that is multiplied in a cycle, which one element does not say."""
        return math.prod(self.unroll) == self.inputs[1].beat > self.unroll[self.layout == "kn"]

    @property
    def banks(self) -> int:
        """Parts of what is multiplied in a cycle, of a beat each."""
        return math.prod(self.unroll) // self.inputs[1].beat

    @property
    def cycles(self) -> int:
        return max(super().cycles, self.inputs[1].beats)

    @property
    def bank_words(self) -> int:
        """Words of each bank of the memory: both halves, and gaps where a count is no power of two."""
        return 2 * math.prod(1 << (count - 1).bit_length() for count in (self.row_beats, self.column_groups))

    @property
    def in_block_ram(self) -> bool:
        """Whether the banks are in block RAM; in look-up tables small ones take less."""
        return self.bank_words >= 64 and self.bank_words * self.inputs[1].width >= 2048

    @property
    def blocks(self) -> int:
        """Parts of a right matrix in the order in which they come: rows that meet at once, or columns of a group."""
        return self.row_beats if self.layout == "kn" else self.column_groups

    def stages(self) -> tuple[Stage, ...]:
        right, rows, blocks = self.inputs[1], self.inputs[0].shape[-2], self.blocks
        matrices = math.prod(right.shape[:-2])
        filled = right.beats // (matrices * blocks) * (1 + np.arange(matrices * blocks)) - 1
        each = np.arange(right.beats)
        fill = Schedule(right.beats, (each,), (each,), (filled,), 1)
        left, sends = self.steps_of_rows()
        steps = rows * self.row_beats * self.column_groups
        first = np.arange(matrices) * steps
        last = first + steps - 1
        apart = 1 if self.layout == "kn" else self.row_beats
        begins = (first[:, np.newaxis] + np.arange(blocks) * apart).ravel()
        ends = np.repeat(last, blocks)
        work = Schedule(int(last[-1]) + 1, (left, begins), (left, ends), (sends,), self.latency)
        kept = Kept(2 * right.beats // matrices, 1, np.repeat(last, right.beats // matrices))
        return Stage((1,), ("matrix",), fill, {1: kept}), Stage((0, "matrix"), (0,), work)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        left, right = (modular(frame) for frame in frames)
        sums = left @ (right.swapaxes(-1, -2) if self.layout == "nk" else right)
        return (self.rescale.reference(wrap(sums, self.accumulator)),)

    def circuit(self) -> Circuit:
        return _MatmulCircuit(self).build()


class _MatmulCircuit(ProductCircuit):
    """Both halves lie in banks, each with its part of what is read in a cycle."""

    def __init__(self, spec: Matmul) -> None:
        super().__init__(spec, spec.inputs[1].bits)
        self.matmul = spec
        c = self.c
        full, self.free = c.wire("full", 1), c.wire("free", 1)
        self.halves = double_buffer(c, "half", full, self.free)
        _, right = self.entered[1]
        c.connect(right.ready, self.halves.may_fill)
        self.write = c.both(right.valid, self.halves.may_fill)
        self.bank, self.written, last = self._written()
        c.connect(full, last)

    def available(self, beat: Wire | None, group: Wire | None) -> Wire:
        kn = self.matmul.layout == "kn"
        written, read = (self.written["beat"], beat) if kn else (self.written["group"], group)
        if not (written and read):
            return self.halves.may_read
        # Where no half is full, the one that is read is the one that is filled.
        return self.c.either(self.halves.may_read, self.c.compare("ult", read, written))

    def column(self, position: Position) -> None:
        return None

    def starts(self, column: Wire | None) -> list[Wire]:
        return [self.c.constant(0, self.spec.accumulator)] * self.spec.unroll[1]

    def matrix(self, position: Position) -> Wire:
        spec, c = self.matmul, self.c
        _, _, last = place(c, "row_of_matrix", spec.inputs[0].shape[-2], position.row_end)
        c.connect(self.free, c.both(position.row_end, last))
        port, right = self.entered[1]
        address = self._address(self.written["beat"], self.written["group"], self.halves.filled)
        words = []
        for number in range(spec.banks):
            memory = c.memory(f"bank_{number}", spec.bank_words, port.width, style="block" if spec.in_block_ram else "")
            mine = c.compare("eq", self.bank, number) if self.bank else c.constant(1, 1)
            c.write(memory, address, right.data[0], c.both(self.write, mine))
            read = self._address(position.beat, position.group, self.halves.read)
            words.append(c.read(memory, read))
        return self._by_columns(elements_of(c, c.concat(words), port.cut(spec.banks * port.beat)))

    def _by_columns(self, elements: list[Wire]) -> Wire:
        """Those of a cycle as they came, column after column."""
        columns = self.spec.unroll[1]
        if self.matmul.layout == "kn":
            elements = [element for column in range(columns) for element in elements[column::columns]]
        return self.c.concat(elements)

    def _written(self) -> tuple[Wire | None, dict[str, Wire | None], Wire]:
        """Bank (None where there is one) and place of the beat that arrives, and whether it is the last of a matrix."""
        spec, c = self.matmul, self.c
        inner, outer = ("group", spec.column_groups), ("beat", spec.row_beats)
        if spec.layout == "nk":
            inner, outer = outer, inner
        places: dict[str, Wire | None] = {}
        places[inner[0]], _, last = place(c, f"written_{inner[0]}", inner[1], self.write)
        step = c.both(self.write, last)
        bank, _, last = place(c, "written_bank", spec.banks, step)
        step = c.both(step, last)
        places[outer[0]], _, last = place(c, f"written_{outer[0]}", outer[1], step)
        return bank, places, c.both(step, last)

    def _address(self, beat: Wire | None, group: Wire | None, half: Wire) -> Wire:
        """Bits of all three side by side: a word for each, and a gap where a count is no power of two."""
        return self.c.concat([wire for wire in (beat, group, half) if wire])
