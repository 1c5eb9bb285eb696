"""The circuit of :class:`Window`: pixels shift through rows in a memory and a window in registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.counter import Counter, address_width
from stepwell.backends.hls.components.delay_line import DelayLine

if TYPE_CHECKING:
    from stepwell.backends.hls.components.window import Window


class WindowCircuit:
    """A step shifts everything by a pixel; a second state, the scan, says which window stands in the registers.

    The scan follows an image's pixels at a fixed distance of steps, so that no step is lost between rows or images:
    where a window hangs over an edge, what lies there is masked. It never begins before the last one has ended.
    """

    def __init__(self, spec: Window) -> None:
        self.spec = spec
        self.windows = spec.windows
        self.height, self.width = spec.sizes
        self.beats = spec.beats
        self.pixel_bits = spec.input.shape[1] * spec.input.bits
        c = self.c = Circuit(spec.name)
        self.in_data = c.input("in_data", spec.input.width)
        self.in_valid = c.input("in_valid", 1)
        self.out_ready = c.input("out_ready", 1)
        self.out_valid = c.register("out_valid_r", 1)
        self.advance = c.either(self.out_ready, c.negate(self.out_valid))
        self.part = Counter(c, "part", spec.input.shape[1] // spec.input.beat)
        self.pixel = Counter(c, "pixel", self.height * self.width)
        self.scanning, self.sent = c.register("scanning", 1), c.register("sent", 1)
        down, across = self.windows.sizes(spec.sizes)
        self.last_row, self.last_column = (down - 1) * self.windows.strides[0], (across - 1) * self.windows.strides[1]
        self.row = Counter(c, "row", self.last_row + 1)
        self.column = Counter(c, "column", self.width)
        self.beat = Counter(c, "beat", len(self.beats))

    def build(self) -> Circuit:
        c = self.c
        hit = self._hit()
        gone = c.both(self.advance, self.beat.last)
        free = c.either(c.negate(hit), gone)
        step, begin, taken = self._steps(free)
        self.beat.advance(c.both(hit, self.advance))
        c.drive(self.sent, c.both(c.negate(step), c.either(self.sent, c.both(hit, gone))), c.constant(1, 1))
        self._scan(step, begin)
        taps = self._shift(self._pixel(taken), step)
        elements = self._elements(taps)
        data = c.register("out_data_r", sum(element.width for element in elements))
        c.drive(data, c.concat(elements), self.advance, reset=False)
        c.drive(self.out_valid, hit, self.advance)
        c.output("in_ready", taken)
        c.output("out_data", data)
        c.output("out_valid", self.out_valid)
        return c

    def _hit(self) -> Wire:
        """Whether the registers hold a window of the result that is still to be sent."""
        c = self.c
        conditions = [self.scanning, c.negate(self.sent)]
        if self.last_column < self.width - 1:
            conditions.append(c.compare("ule", self.column.value, self.last_column))
        self.phases = [
            Counter(c, f"{name}_phase", stride)
            for name, stride in zip(("row", "column"), self.windows.strides, strict=True)
        ]
        conditions += [phase.at(0) for phase in self.phases]
        return c.both(*conditions)

    def _steps(self, free: Wire) -> tuple[Wire, Wire, Wire]:
        """Whether everything shifts, whether the scan begins with that, and whether a beat would be taken."""
        c, delay = self.c, self.spec.delay
        first = self.pixel.at(0)
        here = c.both(self.in_valid, self.part.last)
        if delay:
            # Steps since an image's first pixel, that one included, until its scan begins; 0 where none waits.
            wait = c.register("wait", address_width(delay + 1))
            waiting, over = c.compare("ne", wait, 0), c.compare("eq", wait, delay)
            open_ = c.either(c.negate(first), c.negate(waiting), over)
        else:
            waiting, over, open_ = c.constant(0, 1), c.constant(0, 1), c.constant(1, 1)
        take = c.both(here, free, open_)
        # Between images what has come in moves on by itself.
        alone = c.both(first, free, c.either(waiting, self.scanning), c.negate(c.both(here, open_)))
        step = c.either(take, alone)
        starts = c.both(take, first)
        if delay:
            following = c.choose(
                c.both(waiting, c.negate(over)), c.add(wait, c.constant(1, wait.width)), c.constant(0, wait.width)
            )
            c.drive(wait, c.choose(starts, c.constant(1, wait.width), following), step)
        self.pixel.advance(take)
        ready = c.either(c.negate(self.part.last), c.both(free, open_))
        return step, c.both(step, over) if delay else starts, ready

    def _scan(self, step: Wire, begin: Wire) -> None:
        """Go to the next window."""
        c = self.c
        end = c.both(self.row.last, self.column.at(self.last_column))
        c.drive(self.scanning, c.either(begin, c.both(self.scanning, c.negate(end))), step)
        row_end = c.both(step, c.either(self.column.last, begin))
        self.row.advance(row_end, begin)
        self.column.advance(step, begin)
        for phase, enable, restart in zip(
            self.phases, (row_end, step), (begin, c.either(begin, self.column.last)), strict=True
        ):
            phase.advance(enable, restart)

    def _pixel(self, ready: Wire) -> Wire:
        """All channels of the pixel whose last part is on the input."""
        c = self.c
        taken = c.both(ready, self.in_valid)
        self.part.advance(taken)
        rest = self.pixel_bits - self.in_data.width
        if not rest:
            return self.in_data
        parts = c.register("parts", rest)
        kept = [c.bits(parts, self.in_data.width, rest - self.in_data.width)] if rest > self.in_data.width else []
        c.drive(parts, c.concat([*kept, self.in_data]), taken, reset=False)
        return c.concat([parts, self.in_data])

    def _shift(self, pixel: Wire, step: Wire) -> dict[int, Wire]:
        """The pixel of each tap that is ever inside of an image."""
        c, bits = self.c, self.pixel_bits
        rows, columns = (self._reached(axis) for axis in (0, 1))
        if not rows or not columns:
            c.discard("pixel", pixel)
            return {}
        above = self._above(pixel, max(rows.values()), step)
        length = max(columns.values()) + 1
        taps = {}
        for i, up in rows.items():
            newest = c.bits(above, (up - 1) * bits, bits) if above and up else pixel
            line = c.register(f"line_{i}", length * bits)
            kept = [c.bits(line, 0, (length - 1) * bits)] if length > 1 else []
            c.drive(line, c.concat([newest, *kept]), step, reset=False)
            for j, back in columns.items():
                taps[i * self.windows.kernel[1] + j] = c.bits(line, back * bits, bits)
        return taps

    def _reached(self, axis: int) -> dict[int, int]:
        """Which taps of a row or column are ever inside of an image, and how far each is behind the newest pixel."""
        span, offsets = self.windows.dilation[axis], self._offsets(axis)
        last, size = (self.last_row, self.last_column)[axis], (self.height, self.width)[axis]
        inside = [i for i, offset in enumerate(offsets) if -offset <= last and offset < size]
        return {i: (len(offsets) - 1 - i) * span for i in inside}

    def _offsets(self, axis: int) -> list[int]:
        """Of each tap from the scan's place."""
        kernel, padding, dilation = self.windows.kernel, self.windows.padding, self.windows.dilation
        return [i * dilation[axis] - padding[axis] for i in range(kernel[axis])]

    def _above(self, pixel: Wire, count: int, step: Wire) -> Wire | None:
        """The pixels of the ``count`` rows above ``pixel``, the nearest first: a row ago this was one row less."""
        if not count:
            return None
        c, width = self.c, count * self.pixel_bits
        line = DelayLine(c, "above", self.width, width)
        kept = [c.bits(line.output, 0, width - self.pixel_bits)] if count > 1 else []
        line.feed(c.concat([pixel, *kept]), step)
        return line.output

    def _elements(self, taps: dict[int, Wire]) -> list[Wire]:
        """Those of the beat on its turn, with ``fill`` for what lies outside of the image."""
        c, bits = self.c, self.spec.input.bits
        inside = self._inside()
        fill, always, never = c.constant(self.spec.fill, bits), c.constant(1, 1), c.constant(0, 1)
        masks: dict[tuple[int, ...], Wire] = {}
        elements = []
        for places in zip(*self.beats, strict=True):
            turn = tuple(tap for tap, _ in places)
            options = [c.bits(taps[tap], channel * bits, bits) if tap in taps else fill for tap, channel in places]
            if turn not in masks:
                known = [(inside[tap] or always) if tap in taps else never for tap in turn]
                masks[turn] = c.select(known, self.beat.value)
            elements.append(c.choose(masks[turn], c.select(options, self.beat.value), fill))
        return elements

    def _inside(self) -> list[Wire | None]:
        """For each tap whether it lies in the image; None where it always does."""
        ends = ((self.row, self.last_row, self.height), (self.column, self.last_column, self.width))
        sides = [[self._within(*ends[axis], offset) for offset in self._offsets(axis)] for axis in (0, 1)]
        return [self._all(row, column) for row in sides[0] for column in sides[1]]

    def _within(self, counter: Counter, last: int, size: int, offset: int) -> Wire | None:
        """Whether the counter, at most ``last``, plus ``offset`` is a place below ``size``; if it ever is."""
        c = self.c
        low = c.compare("uge", counter.value, -offset) if 0 < -offset <= last else None
        high = c.compare("ule", counter.value, size - 1 - offset) if last + offset >= size > offset else None
        return self._all(low, high)

    def _all(self, *conditions: Wire | None) -> Wire | None:
        known = [condition for condition in conditions if condition]
        return (self.c.both(*known) if len(known) > 1 else known[0]) if known else None
