"""pool: the largest or the sum of windows that lie side by side, then shifted, rounded, clamped and cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, Component, divisors
from stepwell.backends.hls.components.counter import Counter
from stepwell.backends.hls.components.delay_line import DelayLine
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.backends.hls.components.schedule import Schedule
from stepwell.support.fixed_point import whole
from stepwell.support.widths import Range, signed_range, signed_width
from stepwell.support.windows import Windows


@dataclass(frozen=True)
class Pool(Component):
    """Planes of ``height`` by ``width`` pixels, each of ``words`` beats; see ``stream.pool``.

    A beat takes a cycle. What was seen of a window waits in memory: along a row for each word, across rows for each
    word of each window. A register keeps the wide results, one what is made of them.
    """

    kind: ClassVar[str] = "pool"

    function: str
    height: int
    width: int
    words: int
    kernel: tuple[int, ...]
    shift: int
    rounding: str
    clamp: Range

    @property
    def rescale(self) -> Rescale:
        """What happens to wide results."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def windows(self) -> Windows:
        """Those of the planes."""
        return Windows(self.kernel, self.kernel, (0, 0), (1, 1))

    def choices(self) -> Sequence[tuple[int, ...]]:
        return [(beat,) for beat in divisors(self.words * self.input.beat)]

    def spread(self, parallelism: tuple[int, ...]) -> Self:
        (beat,) = parallelism
        cut = super().spread(parallelism)
        return replace(cut, words=self.words * self.input.beat // beat)

    def schedule(self) -> Schedule:
        takes = np.arange(self.input.beats)
        places = takes.reshape(-1, self.height, self.width, self.words)
        down, across = self.windows.sizes((self.height, self.width))
        rows, columns = (
            (np.arange(count) + 1) * size - 1 for count, size in zip((down, across), self.kernel, strict=True)
        )
        sends = places[:, rows[:, np.newaxis], columns].ravel()
        return Schedule(self.cycles, (takes,), (takes,), (sends,), self.latency)

    def wide_bits(self, taps: int) -> int:
        """Bits of the largest or the sum of ``taps`` elements."""
        low, high = signed_range(self.input.bits)
        return self.input.bits if self.function == "max" else signed_width((low * taps, high * taps))

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        elements = whole(self.input.arriving(frames[0]), self.wide_bits(self.windows.taps))
        planes = elements.reshape(-1, self.height, self.width, self.words * self.input.beat)
        view = self.windows.view(planes.transpose(0, 3, 1, 2))
        wide = view.max(axis=(-2, -1)) if self.function == "max" else view.sum(axis=(-2, -1))
        return (self.output.restored(self.rescale.reference(wide.transpose(0, 2, 3, 1)))[0],)

    def circuit(self) -> Circuit:
        return _PoolCircuit(self).build()


class _PoolCircuit:
    def __init__(self, spec: Pool) -> None:
        self.spec = spec
        c = self.c = Circuit(spec.name)
        self.in_data = c.input("in_data", spec.input.width)
        self.in_valid = c.input("in_valid", 1)
        self.out_ready = c.input("out_ready", 1)
        self.out_valid = c.register("out_valid_r", 1)
        self.advance = c.either(self.out_ready, c.negate(self.out_valid))

    def build(self) -> Circuit:
        spec, c = self.spec, self.c
        step = c.both(self.in_valid, self.advance)
        (first_row, last_row), (first_column, last_column) = self._places(step)
        bits = spec.input.bits
        elements = [c.bits(self.in_data, i * bits, bits) for i in range(spec.input.beat)]
        along = self._reduce("along", elements, spec.kernel[1], spec.words, (first_column, step))
        across = spec.width // spec.kernel[1]
        step = c.both(step, last_column)
        total = self._reduce("down", along, spec.kernel[0], spec.words * across, (first_row, step))
        valid = c.drive(c.register("wide_valid", 1), c.both(self.in_valid, last_column, last_row), self.advance)
        results = []
        for i, wide in enumerate(total):
            kept, rest = spec.rescale.trim(c, f"{i}", wide)
            held = c.drive(c.register(f"wide_{i}", kept.width), kept, self.advance, reset=False)
            result = c.register(f"result_{i}", spec.output.bits)
            results.append(c.drive(result, rest.circuit(c, f"{i}", held), self.advance, reset=False))
        c.drive(self.out_valid, valid, self.advance)
        c.output("in_ready", self.advance)
        c.output("out_data", c.concat(results))
        c.output("out_valid", self.out_valid)
        return c

    def _places(self, step: Wire) -> list[tuple[Wire, Wire]]:
        """Whether the row, and the column, is the first and the last of a window."""
        spec, c = self.spec, self.c
        word = Counter(c, "word", spec.words)
        column, row = Counter(c, "column", spec.width), Counter(c, "row", spec.height)
        word.advance(step)
        column_end = c.both(step, word.last)
        column.advance(column_end)
        row_end = c.both(column_end, column.last)
        row.advance(row_end)
        places = []
        for axis, (counter, end, size) in enumerate(((row, row_end, spec.height), (column, column_end, spec.width))):
            kernel = spec.kernel[axis]
            phase = Counter(c, f"phase_{axis}", kernel)
            phase.advance(end, counter.last)
            covered = size // kernel * kernel
            last = phase.last if covered == size else c.both(phase.last, c.compare("ult", counter.value, covered))
            places.append((phase.at(0), last))
        return places

    def _reduce(self, name: str, values: list[Wire], length: int, depth: int, when: tuple[Wire, Wire]) -> list[Wire]:
        """With what was seen of the window ``depth`` steps ago; nothing on the first of ``length`` turns."""
        if length == 1:
            return values
        c, (first, step) = self.c, when
        taps = length if name == "along" else length * self.spec.kernel[1]
        width = self.spec.wide_bits(taps)
        values = [c.resize(value, width) for value in values]
        line = DelayLine(c, name, depth, width * len(values))
        reduced = []
        for i, value in enumerate(values):
            seen = c.bits(line.output, i * width, width)
            reduced.append(c.choose(first, value, self._combine(seen, value)))
        line.feed(c.concat(reduced), step)
        return reduced

    def _combine(self, left: Wire, right: Wire) -> Wire:
        c = self.c
        if self.spec.function == "sum":
            return c.add(left, right)
        return c.choose(c.less(left, right), right, left)
