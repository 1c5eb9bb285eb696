"""fifo: beats in order, kept in a memory until they are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.channels import Channel, hold
from stepwell.backends.hls.components.counter import address_width, following

_BLOCK_DEPTH, _BLOCK_BITS = 64, 1024


@dataclass(frozen=True)
class Fifo(Component):
    """Up to ``depth`` beats. Ready does not depend on the reader's, so a chain of them ends here.

    A shallow one is LUT RAM whose word leaves as it is, a cycle after it came. One that is deeper than 64 and has
    more than 1024 bits is read into a register, so that synthesis takes block RAM; its word is there late in a cycle,
    and leaves from a second register. A beat needs three cycles then.
    """

    kind: ClassVar[str] = "fifo"
    wiring: ClassVar[bool] = True

    depth: int

    @property
    def is_block(self) -> bool:
        """Whether its memory is made for block RAM."""
        return self.latency_of(self.depth, self.input.width) > 1

    @staticmethod
    def latency_of(depth: int, width: int) -> int:
        """Cycles of a beat of ``width`` bits through a FIFO of this depth."""
        return 1 + 2 * (depth > _BLOCK_DEPTH and depth * width > _BLOCK_BITS)

    @property
    def latency(self) -> int:
        return self.latency_of(self.depth, self.input.width)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (frames[0],)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        data, valid = c.input("in_data", self.input.width), c.input("in_valid", 1)
        ready = c.input("out_ready", 1)
        head, tail = (c.register(name, address_width(self.depth)) for name in ("head", "tail"))
        full = c.register("full", 1)
        accepts, same = c.negate(full), c.equal(head, tail)
        holds, free = c.either(full, c.negate(same)), c.wire("free", 1)
        # The word at the head moves on where the next place is free.
        moves = c.both(holds, free)
        comes = c.both(valid, accepts)
        after_tail = following(c, tail, self.depth)
        c.drive(tail, after_tail, comes)
        c.drive(head, following(c, head, self.depth), moves)
        c.drive(full, c.both(comes, c.equal(after_tail, head)), c.differ(comes, moves))
        memory = c.memory("words", self.depth, self.input.width)
        c.write(memory, tail, data, comes)
        leaving = Channel((c.read(memory, head),), holds, free)
        for name in ("word", "leaving") if self.is_block else ():
            leaving = hold(c, name, leaving)
        c.connect(leaving.ready, ready)
        c.output("in_ready", accepts)
        c.output("out_data", leaving.data[0])
        c.output("out_valid", leaving.valid)
        return c
