"""The circuit of a :class:`Window` in memory: pixels stay where they were written, a window is read word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.backends.hls.circuit import Wire
from stepwell.backends.hls.components.counter import Counter
from stepwell.backends.hls.components.window_circuit import WindowCircuit
from stepwell.backends.hls.components.window_words import Words

if TYPE_CHECKING:
    from stepwell.backends.hls.components.window import Window

_BLOCK_WORDS, _BLOCK_BITS = 64, 2048
"""A memory of more words and bits than these is block RAM."""


class MemoryWindow(WindowCircuit):
    """A ring of words as long as the pixels that windows reach over. Its size is a power of two, so that addresses come
    around by themselves."""

    def __init__(self, spec: Window, words: Words) -> None:
        super().__init__(spec)
        self.words = words
        kernel, dilation = self.windows.kernel, self.windows.dilation
        self.bits = words.size * spec.input.bits
        # Words from one tap to the next, down and across.
        self.far = dilation[0] * self.width * words.of_pixel, dilation[1] * words.of_pixel
        # Those of all pixels from a window's first to its last, and the next pixel's, but for its last.
        reach = sum((k - 1) * far for k, far in zip(kernel, self.far, strict=True)) + 2 * words.of_pixel - 1
        self.address_bits = max(1, (reach - 1).bit_length())
        c = self.c
        self.turn = [
            Counter(c, name, count)
            for name, count in (
                ("sub", self.bits // spec.output.width),
                ("word", words.of_tap),
                ("across", kernel[1]),
                ("down", kernel[0]),
                ("block", words.blocks),
            )
        ]

    def last_beat(self) -> Wire:
        return self.c.both(*(counter.last for counter in self.turn))

    def leaving(self, moves: Wire) -> tuple[Wire, Wire]:
        c = self.c
        address = c.register("write_address", self.address_bits)
        depth = 1 << self.address_bits
        block = depth > _BLOCK_WORDS and depth * self.bits > _BLOCK_BITS
        memory = c.memory("pixels", depth, self.bits, style="block" if block else "")
        gathered = Counter(c, "gathered", self.bits // self.in_data.width)
        gathered.advance(self.taken)
        writes = c.both(self.taken, gathered.last)
        c.write(memory, address, self.joined(self.bits), writes)
        c.drive(address, c.add(address, c.constant(1, address.width)), writes)
        sub, _, across, down, _ = self.turn
        word, valid = c.read(memory, self._read_address(moves, address)), self.hit
        inside = self.all(self._on_turn(0, down), self._on_turn(1, across))
        part = sub.value if self.bits > self.spec.output.width else None
        for stage in range(self.spec.latency - 1):
            word, valid = self.keep(f"word_{stage}", word), self.keep(f"valid_{stage}", valid, reset=True)
            inside = self.keep(f"inside_{stage}", inside) if inside else None
            part = self.keep(f"part_{stage}", part) if part else None
        return self.keep("out_data_r", self._finished(word, inside, part)), valid

    def _finished(self, word: Wire, inside: Wire | None, part: Wire | None) -> Wire:
        """The beat that ``word`` has: the part of that number, or ``fill`` outside of the image."""
        c, width, bits = self.c, self.spec.output.width, self.spec.output.bits
        beat = c.select([c.bits(word, low, width) for low in range(0, self.bits, width)], part) if part else word
        if inside is None:
            return beat
        return c.choose(inside, beat, c.concat([c.constant(self.spec.fill, bits)] * (width // bits)))

    def _read_address(self, moves: Wire, written: Wire) -> Wire:
        """The word that is read next; the scan's place is the address of its window's first word."""
        c, bits, of_pixel = self.c, self.address_bits, self.words.of_pixel
        padding = self.windows.padding
        # A scan begins where the padding of the image whose first pixel's last word is being written does.
        before = (padding[0] * self.width + padding[1] + 1) * of_pixel - 1
        top = c.subtract(written, self._number(before))
        if self.spec.delay:
            top = c.drive(c.register("top", bits), top, c.both(self.step, self.starting), reset=False)
        base, address = c.register("base", bits), c.register("read_address", bits)
        place = c.choose(self.restart, top, c.add(base, self._number(of_pixel)))
        c.drive(base, place, self.step, reset=False)
        enable = moves
        for counter in self.turn:
            counter.advance(enable)
            enable = c.both(enable, counter.last)
        following = c.choose(self.step, place, c.add(address, self._distance()))
        c.drive(address, following, c.either(self.step, c.both(moves, self.turn[0].last)), reset=False)
        return address

    def _distance(self) -> Wire:
        """Words from one that is read to the next."""
        c, (down, across), kernel = self.c, self.far, self.windows.kernel
        back, distances = 0, []
        sizes = (1, self.words.of_tap), (across, kernel[1]), (down, kernel[0]), (self.words.of_tap, self.words.blocks)
        for far, count in sizes:
            distances.append(far - back)
            back += far * (count - 1)
        chosen = self._number(distances[-1])
        for counter, distance in reversed(list(zip(self.turn[1:], distances[:-1], strict=False))):
            chosen = c.choose(counter.last, chosen, self._number(distance))
        return chosen

    def _on_turn(self, axis: int, counter: Counter) -> Wire | None:
        """Whether the row or column that is read lies in the image; None where all always do."""
        c, reached = self.c, self.reached(axis)
        inside = [known if i in reached else c.constant(0, 1) for i, known in enumerate(self.inside(axis))]
        if all(known is None for known in inside):
            return None
        return c.select([known or c.constant(1, 1) for known in inside], counter.value)

    def _number(self, value: int) -> Wire:
        """A number of words; what is beyond the ring comes around."""
        return self.c.constant(value % (1 << self.address_bits), self.address_bits)
