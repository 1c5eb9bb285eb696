"""The memories of a loop nest: banks of block RAM with one port to read and one to write, halves that alternate;
copies of them that are written together and read apart."""

from __future__ import annotations

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.loops.counters import address_width
from stepwell.support.loops.nest import Memory

ALTERNATING = ("input", "output")
"""Roles of memories with two halves."""

Access = tuple[Wire, Wire]
"""When, and where."""


class Bank:
    """One bank; what is read stands in a register in the next cycle. ``double``: one half for each second frame."""

    def __init__(self, c: Circuit, name: str, spec: Memory, *, double: bool, file: str = "") -> None:
        self.c = c
        self.name = name
        self.depth = spec.depth
        self.double = double
        self.keeps = bool(file)
        words = spec.depth if not double else (1 << self._word_bits) + spec.depth
        names = [name, *(f"{name}_copy{n}" for n in range(1, spec.copies))]
        self.memories = [c.memory(copy, words, spec.bits, file) for copy in names]
        self.data = [c.register(f"{copy}_data", spec.bits) for copy in names]
        self.reads: list[list[Access]] = [[] for _ in names]
        self.writes: list[tuple[Wire, Wire, Wire]] = []

    def read(self, enable: Wire, address: Wire, copy: int) -> Wire:
        """The word at ``address``, one cycle later; no two reads of a copy are enabled at once."""
        self.reads[copy].append((enable, address))
        return self.data[copy]

    def write(self, enable: Wire, address: Wire, value: Wire) -> None:
        """Store ``value``; no two writes are enabled at once."""
        self.writes.append((enable, address, value))

    def address(self, half: Wire | None, word: Wire) -> Wire:
        """Where ``word`` of a half is."""
        c = self.c
        bits = self._word_bits
        if bits > word.width:
            word = c.concat([word, c.constant(0, bits - word.width)])
        if half is None:
            return word if bits else c.constant(0, 1)
        return c.concat([c.bits(word, 0, bits), half]) if bits else half

    def finish(self) -> None:
        """Join the accesses to the ports."""
        c = self.c
        for memory, data, reads in zip(self.memories, self.data, self.reads, strict=True):
            if reads:
                _, address = reads[0]
                for enable, other in reads[1:]:
                    address = c.choose(enable, other, address)
                c.drive(data, c.read(memory, address), c.constant(1, 1), reset=False)
        if self.writes:
            enables = [enable for enable, _, _ in self.writes]
            _, address, value = self.writes[0]
            for enable, other, data in self.writes[1:]:
                address, value = c.choose(enable, other, address), c.choose(enable, data, value)
            enable = c.either(*enables) if len(enables) > 1 else enables[0]
            if self.keeps:  # before the first reset enables are anything
                enable = c.both(enable, c.negate(c.reset))
            for memory in self.memories:
                c.write(memory, address, value, enable)

    @property
    def _word_bits(self) -> int:
        return address_width(self.depth) if self.depth > 1 else 0
