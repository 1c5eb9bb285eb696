"""pool: the largest or the sum of windows that lie side by side, then shifted, rounded, clamped and cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, divisors
from stepwell.backends.hls.components.counter import Counter
from stepwell.backends.hls.components.delay_line import DelayLine
from stepwell.backends.hls.components.pipelined import Pipelined
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.backends.hls.components.schedule import Schedule
from stepwell.support.fixed_point import whole
from stepwell.support.widths import Range, signed_range, signed_width
from stepwell.support.windows import Windows


@dataclass(frozen=True)
class Pool(Pipelined):
    """Planes of ``height`` by ``width`` pixels, each of ``words`` beats; see ``stream.pool``.

    A beat takes a cycle. What was seen of a window waits in memory: along a row for each word, across rows for each
    word of each window. Registers keep what a row of a window gives, the wide results, and, where these still change,
    what is made of them. One more may stand at the input.

    Windows that overlap come as planes of one row, tap by tap. Then a beat may have several ``taps`` of all channels
    that go side by side; a tree joins them, with registers behind each level.
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
    taps: int = 0

    @property
    def at_once(self) -> int:
        """Taps in a beat."""
        return max(1, self.taps)

    @property
    def levels(self) -> int:
        """Of the tree that joins them."""
        return (self.at_once - 1).bit_length()

    @property
    def channels(self) -> int:
        """Elements of a pixel, or of a tap."""
        return self.words * self.output.beat

    @property
    def parallelism(self) -> tuple[int, ...]:
        return (self.output.beat, self.taps) if self.taps else (self.output.beat,)

    @property
    def rescale(self) -> Rescale:
        """What happens to wide results."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def windows(self) -> Windows:
        """Those of the planes."""
        return Windows(self.kernel, self.kernel, (0, 0), (1, 1))

    @property
    def in_planes(self) -> bool:
        """Whether windows have several rows of several columns."""
        return min(self.kernel) > 1

    @property
    def rescaled(self) -> bool:
        """Whether the wide results are not the results yet."""
        wide = self.wide_bits(self.windows.taps * self.at_once)
        (low, high), (lowest, highest) = self.clamp, signed_range(wide)
        return self.shift > 0 or self.output.bits != wide or low > lowest or highest > high

    @property
    def latency(self) -> int:
        return 1 + self.levels + self.in_planes + self.rescaled + self.registers

    @property
    def places(self) -> Sequence[str]:
        return ("input",)

    def choices(self) -> Sequence[tuple[int, ...]]:
        if not self.taps:
            return [(beat,) for beat in divisors(self.channels)]
        several = [(self.channels, taps) for taps in divisors(self.width * self.at_once)[1:]]
        return [*((beat, 1) for beat in divisors(self.channels)), *several]

    def spread(self, parallelism: tuple[int, ...]) -> Self:
        beat, at_once = (*parallelism, 1)[:2]
        made = replace(
            self,
            inputs=(self.input.cut(beat * at_once),),
            outputs=(self.output.cut(beat),),
            words=self.channels // beat,
        )
        if not self.taps:
            return made
        width = self.width * self.at_once // at_once
        return replace(made, taps=at_once, width=width, kernel=(1, width))

    def block(self, columns: int, depth: int) -> tuple[int, ...]:
        return (columns, depth) if self.taps else (columns,)

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
        elements = whole(self.input.arriving(frames[0]), self.wide_bits(self.windows.taps * self.at_once))
        planes = elements.reshape(-1, self.height, self.width, self.at_once, self.channels)
        joined = planes.max(axis=3) if self.function == "max" else planes.sum(axis=3)
        view = self.windows.view(joined.transpose(0, 3, 1, 2))
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
        data, valid = self.in_data, self.in_valid
        if spec.registers:
            data, valid = self._keep("taken", data), self._keep("taken_valid", valid, reset=True)
        values = [c.bits(data, i * spec.input.bits, spec.input.bits) for i in range(spec.input.beat)]
        for level in range(spec.levels):
            values = self._level(level, values)
            valid = self._keep(f"level_{level}_valid", valid, reset=True)
        (first_row, last_row), (first_column, last_column) = self._places(c.both(valid, self.advance))
        values = self._reduce("along", values, spec.kernel[1], spec.words, (first_column, c.both(valid, self.advance)))
        valid = c.both(valid, last_column)
        if spec.in_planes:
            values = [self._keep(f"row_{i}", value) for i, value in enumerate(values)]
            valid = self._keep("row_valid", valid, reset=True)
            first_row, last_row = self._keep("row_first", first_row), self._keep("row_last", last_row)
        depth = spec.words * (spec.width // spec.kernel[1])
        values = self._reduce("down", values, spec.kernel[0], depth, (first_row, c.both(valid, self.advance)))
        valid = c.both(valid, last_row)
        trimmed = [spec.rescale.trim(c, f"{i}", value) for i, value in enumerate(values)]
        results = [self._keep(f"wide_{i}", kept) for i, (kept, _) in enumerate(trimmed)]
        if spec.rescaled:
            valid = self._keep("wide_valid", valid, reset=True)
            for i, (_, rest) in enumerate(trimmed):
                results[i] = self._keep(f"result_{i}", rest.circuit(c, f"{i}", results[i]))
        c.drive(self.out_valid, valid, self.advance)
        c.output("in_ready", self.advance)
        c.output("out_data", c.concat(results))
        c.output("out_valid", self.out_valid)
        return c

    def _keep(self, name: str, value: Wire, *, reset: bool = False) -> Wire:
        return self.c.drive(self.c.register(name, value.width), value, self.advance, reset=reset)

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

    def _level(self, level: int, values: list[Wire]) -> list[Wire]:
        """Taps in pairs, in registers; one without another stays."""
        spec, c = self.spec, self.c
        width = spec.wide_bits(min(2 << level, spec.at_once))
        taps = [values[i : i + spec.output.beat] for i in range(0, len(values), spec.output.beat)]
        joined = []
        for number in range(0, len(taps), 2):
            left, *right = taps[number : number + 2]
            for channel, value in enumerate(left):
                name = f"level_{level}_{number}_{channel}"
                wide = c.resize(value, width)
                if right:
                    wide = self._combine(name, wide, c.resize(right[0][channel], width))
                joined.append(self._keep(name, wide))
        return joined

    def _reduce(self, name: str, values: list[Wire], length: int, depth: int, when: tuple[Wire, Wire]) -> list[Wire]:
        """With what was seen of the window ``depth`` steps ago; nothing on the first of ``length`` turns."""
        if length == 1:
            return values
        c, (first, step) = self.c, when
        taps = self.spec.at_once * (length if name == "along" else length * self.spec.kernel[1])
        width = self.spec.wide_bits(taps)
        values = [c.resize(value, width) for value in values]
        line = DelayLine(c, name, depth, width * len(values))
        reduced = []
        for i, value in enumerate(values):
            seen = c.bits(line.output, i * width, width)
            reduced.append(c.choose(first, value, self._combine(f"{name}_{i}", seen, value)))
        line.feed(c.concat(reduced), step)
        return reduced

    def _combine(self, name: str, left: Wire, right: Wire) -> Wire:
        c = self.c
        if self.spec.function == "sum":
            return c.add(left, right)
        # The sign of a difference: a comparison by itself takes longer, its carry has to leave the chain of adders.
        width = left.width + 1
        difference = c.subtract(c.resize(left, width), c.resize(right, width))
        c.discard(name, c.bits(difference, 0, left.width))
        return c.choose(c.bits(difference, left.width, 1), right, left)
