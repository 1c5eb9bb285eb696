"""What the circuits of :class:`Window` have in common: which window stands where, and when everything moves on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.counter import Counter, address_width

if TYPE_CHECKING:
    from stepwell.backends.hls.components.window import Window


class WindowCircuit(ABC):
    """A step brings a pixel; a second state, the scan, says which window is there to be read.

    The scan follows an image's pixels at a fixed distance of steps, so that no step is lost between rows or images:
    where a window hangs over an edge, what lies there is masked. It never begins before the last one has ended.

    What is known of the next step is kept in registers beside the counters, so that nothing but gates for a few bits
    lies between valid or ready and what moves.

    Attributes:
        advance: whether the registers of what leaves move.
        hit: whether a window of the result is there and still to be sent.
        here: whether the last part of a pixel is on the input.
        taken: whether a part of a pixel is.
        step: whether everything moves on by a pixel.
        starting: in such a step, whether it brings the first pixel of an image.
        restart: in such a step, whether the scan begins.
        wrap: in such a step, whether it comes to the begin of a row.
    """

    def __init__(self, spec: Window) -> None:
        self.spec = spec
        self.windows = spec.windows
        self.height, self.width = spec.sizes
        c = self.c = Circuit(spec.name)
        self.in_data = c.input("in_data", spec.input.width)
        self.in_valid = c.input("in_valid", 1)
        self.out_ready = c.input("out_ready", 1)
        self.out_valid = c.register("out_valid_r", 1)
        self.advance = c.either(self.out_ready, c.negate(self.out_valid))
        self.part = Counter(c, "part", spec.input.shape[1] // spec.input.beat)
        down, across = self.windows.sizes(spec.sizes)
        self.last = (down - 1) * self.windows.strides[0], (across - 1) * self.windows.strides[1]
        self.row, self.column = Counter(c, "row", self.last[0] + 1), Counter(c, "column", self.width)
        self.hit, self.scanning = c.register("hit", 1), c.register("scanning", 1)
        self.here = c.both(self.in_valid, self.part.last)

    def build(self) -> Circuit:
        """The module."""
        c = self.c
        gone = c.both(self.advance, self.last_beat())
        ready = self._steps(c.either(c.negate(self.hit), gone))
        self.part.advance(self.taken)
        self.wrap = c.either(self.column.last, self.restart)
        self.row_end = c.both(self.step, self.wrap)
        found = self._scan()
        c.drive(self.hit, c.choose(self.step, found, c.both(self.hit, c.negate(gone))), c.constant(1, 1))
        data, valid = self.leaving(c.both(self.hit, self.advance))
        c.drive(self.out_valid, valid, self.advance)
        c.output("in_ready", ready)
        c.output("out_data", data)
        c.output("out_valid", self.out_valid)
        return c

    @abstractmethod
    def last_beat(self) -> Wire:
        """Whether the beat of the window that leaves next is its last one."""

    @abstractmethod
    def leaving(self, moves: Wire) -> tuple[Wire, Wire]:
        """A register with the beat that leaves, and whether the one that comes next is one; at clock edges where
        ``moves`` holds the next beat's turn comes."""

    def keep(self, name: str, value: Wire, *, reset: bool = False) -> Wire:
        """A register on the way out."""
        return self.c.drive(self.c.register(name, value.width), value, self.advance, reset=reset)

    def joined(self, width: int) -> Wire:
        """The last ``width`` bits that came in, those on the input included; the first stand in the lowest."""
        c, rest = self.c, width - self.in_data.width
        if not rest:
            return self.in_data
        parts = c.register("parts", rest)
        kept = [c.bits(parts, self.in_data.width, rest - self.in_data.width)] if rest > self.in_data.width else []
        c.drive(parts, c.concat([*kept, self.in_data]), self.taken, reset=False)
        return c.concat([parts, self.in_data])

    def reached(self, axis: int) -> dict[int, int]:
        """Which taps of a row or column are ever inside of an image, and how far each is behind the newest pixel."""
        span, offsets = self.windows.dilation[axis], self._offsets(axis)
        last, size = self.last[axis], (self.height, self.width)[axis]
        inside = [i for i, offset in enumerate(offsets) if -offset <= last and offset < size]
        return {i: (len(offsets) - 1 - i) * span for i in inside}

    def inside(self, axis: int) -> list[Wire | None]:
        """For each tap of a row or column whether it lies in the image; None where it always does."""
        return [self._within(axis, f"{axis}_{i}", offset) for i, offset in enumerate(self._offsets(axis))]

    def all(self, *conditions: Wire | None) -> Wire | None:
        """Whether all hold; None where they always do."""
        known = [condition for condition in conditions if condition]
        return (self.c.both(*known) if len(known) > 1 else known[0]) if known else None

    def _steps(self, free: Wire) -> Wire:
        """When everything moves on; gives whether a beat would be taken."""
        c, delay = self.c, self.spec.delay
        pixel, first = Counter(c, "pixel", self.height * self.width), c.register("first", 1)
        waiting, over = (c.register(name, 1) if delay else c.constant(0, 1) for name in ("waiting", "over"))
        open_ = c.either(c.negate(first), c.negate(waiting), over)
        # Between images what has come in moves on by itself.
        alone = c.both(first, c.either(waiting, self.scanning))
        self.step = c.both(free, c.either(c.both(self.here, open_), alone))
        self.starting = c.both(first, self.here, open_)
        self.restart = over if delay else self.starting
        take = c.both(self.here, free, open_)
        pixel.advance(take)
        c.drive(first, pixel.last, take, start=1)
        if delay:
            # Steps since an image's first pixel, that one included.
            wait = c.register("wait", address_width(delay + 1))
            one = c.constant(1, wait.width)
            c.drive(wait, c.choose(self.starting, one, c.add(wait, one)), self.step)
            near = c.both(waiting, c.compare("eq", wait, delay - 1)) if delay > 1 else c.constant(0, 1)
            c.drive(over, c.choose(self.starting, c.constant(int(delay == 1), 1), near), self.step)
            c.drive(waiting, c.either(self.starting, c.both(waiting, c.negate(over))), self.step)
        ready = c.either(c.negate(self.part.last), c.both(free, open_))
        self.taken = c.both(ready, self.in_valid)
        return ready

    def _scan(self) -> Wire:
        """Go to the next place; gives whether a window of the result is there."""
        c, last_column = self.c, self.last[1]
        at_end = self.column.at(last_column)
        goes_on = c.both(self.scanning, c.negate(c.both(self.row.last, at_end)))
        c.drive(self.scanning, c.either(self.restart, goes_on), self.step)
        rows, columns = (
            Counter(c, f"{name}_phase", stride)
            for name, stride in zip(("row", "column"), self.windows.strides, strict=True)
        )
        conditions = [
            goes_on,
            c.choose(self.wrap, rows.last, rows.at(0)),
            c.either(columns.last, self.wrap),
        ]
        if last_column < self.width - 1:
            in_line = c.register("in_line", 1)
            conditions.append(c.either(self.wrap, c.both(in_line, c.negate(at_end))))
            c.drive(in_line, conditions[-1], self.step, reset=False)
        self.row.advance(self.row_end, self.restart)
        self.column.advance(self.step, self.restart)
        rows.advance(self.row_end, self.restart)
        columns.advance(self.step, self.wrap)
        return c.either(self.restart, c.both(*conditions))

    def _offsets(self, axis: int) -> list[int]:
        """Of each tap from the scan's place."""
        kernel, padding, dilation = self.windows.kernel, self.windows.padding, self.windows.dilation
        return [i * dilation[axis] - padding[axis] for i in range(kernel[axis])]

    def _within(self, axis: int, name: str, offset: int) -> Wire | None:
        """Whether the scan's row or column plus ``offset`` is in the image; None where it always is."""
        c, last, size = self.c, self.last[axis], (self.height, self.width)[axis]
        counter, restart, moves = (
            (self.row, self.restart, self.row_end) if axis == 0 else (self.column, self.wrap, self.step)
        )
        low = high = None
        if 0 < -offset <= last:
            low = c.register(f"low_{name}", 1)
            entered = c.either(low, counter.at(-offset - 1))
            c.drive(low, c.both(c.negate(restart), entered), moves, reset=False)
        if last + offset >= size > offset:
            high = c.register(f"high_{name}", 1)
            stays = c.both(high, c.negate(counter.at(size - 1 - offset)))
            c.drive(high, c.either(restart, stays), moves, reset=False)
        return self.all(low, high)
