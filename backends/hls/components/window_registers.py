"""The circuit of a :class:`Window` in registers: pixels shift through rows in a memory and the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.backends.hls.circuit import Wire
from stepwell.backends.hls.components.counter import Counter
from stepwell.backends.hls.components.delay_line import DelayLine
from stepwell.backends.hls.components.window_circuit import WindowCircuit

if TYPE_CHECKING:
    from stepwell.backends.hls.components.window import Window


class RegisterWindow(WindowCircuit):
    """A step shifts everything by a pixel; every beat finds its elements among the registers of the window."""

    def __init__(self, spec: Window) -> None:
        super().__init__(spec)
        self.beats = spec.beats
        self.pixel_bits = spec.input.shape[1] * spec.input.bits
        self.beat = Counter(self.c, "beat", len(self.beats))

    def last_beat(self) -> Wire:
        return self.beat.last

    def leaving(self, moves: Wire) -> tuple[Wire, Wire]:
        c = self.c
        self.beat.advance(moves)
        elements = self._elements(self._shift(self.joined(self.pixel_bits)))
        valid = self.keep("found_valid", self.hit, reset=True) if self.spec.registers else self.hit
        return self.keep("out_data_r", c.concat(elements)), valid

    def _shift(self, pixel: Wire) -> dict[int, Wire]:
        """From all channels of the pixel that comes in to the pixel of each tap that is ever inside of an image."""
        c, bits = self.c, self.pixel_bits
        rows, columns = (self.reached(axis) for axis in (0, 1))
        if not rows or not columns:
            c.discard("pixel", pixel)
            return {}
        above = self._above(pixel, max(rows.values()))
        length = max(columns.values()) + 1
        taps = {}
        for i, up in rows.items():
            newest = c.bits(above, (up - 1) * bits, bits) if above and up else pixel
            line = c.register(f"line_{i}", length * bits)
            kept = [c.bits(line, 0, (length - 1) * bits)] if length > 1 else []
            c.drive(line, c.concat([newest, *kept]), self.step, reset=False)
            for j, back in columns.items():
                taps[i * self.windows.kernel[1] + j] = c.bits(line, back * bits, bits)
        return taps

    def _above(self, pixel: Wire, count: int) -> Wire | None:
        """The pixels of the ``count`` rows above ``pixel``, the nearest first: a row ago this was one row less."""
        if not count:
            return None
        c, width = self.c, count * self.pixel_bits
        line = DelayLine(c, "above", self.width, width)
        kept = [c.bits(line.output, 0, width - self.pixel_bits)] if count > 1 else []
        line.feed(c.concat([pixel, *kept]), self.step)
        return line.output

    def _elements(self, taps: dict[int, Wire]) -> list[Wire]:
        """Those of the beat on its turn, with ``fill`` for what lies outside of the image."""
        c, bits = self.c, self.spec.input.bits
        rows, columns = self.inside(0), self.inside(1)
        inside = [self.all(row, column) for row in rows for column in columns]
        fill, always, never = c.constant(self.spec.fill, bits), c.constant(1, 1), c.constant(0, 1)
        masks: dict[tuple[int, ...], Wire] = {}
        elements = []
        for i, places in enumerate(zip(*self.beats, strict=True)):
            turn = tuple(tap for tap, _ in places)
            options = [c.bits(taps[tap], channel * bits, bits) if tap in taps else fill for tap, channel in places]
            found = self._found(f"found_{i}", c.select(options, self.beat.value))
            if turn not in masks:
                known = [(inside[tap] or always) if tap in taps else never for tap in turn]
                masks[turn] = self._found(f"inside_{i}", c.select(known, self.beat.value))
            elements.append(c.choose(masks[turn], found, fill))
        return elements

    def _found(self, name: str, value: Wire) -> Wire:
        """What was chosen for a beat, in a register if there is one more."""
        return self.keep(name, value) if self.spec.registers else value
