"""copy-memories: memories that an iteration reads several times at once exist several times."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects.stream import integer
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import functions
from stepwell.passes.hardware.loops.memories import COPIES, note
from stepwell.passes.hardware.loops.reader import read_loops
from stepwell.support.loops.copies import needed
from stepwell.support.loops.nest import Memory


@dataclass
class CopyMemories(Pass):
    """As many copies of a memory as its nests need for their reads to keep no iteration waiting; ``stepwell.copies``
    has them. Stores go to all.

    Attributes:
        limit: copies of a memory at most.
        bits: what all further copies may hold together.
    """

    name: ClassVar[str] = "copy-memories"
    summary: ClassVar[str] = "memories that are read several times at once exist several times"
    anchor: ClassVar[str] = "builtin.module"

    limit: int = 4
    bits: int = 1 << 20

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for function in functions(op):
            loops = read_loops(function.operation)
            memories = {memory.name: memory for memory in loops.program.memories}
            wanted = [needed(nest, memories) for nest in loops.program.nests]
            left = self.bits
            for value, memory in sorted(loops.memories, key=lambda pair: _bits(pair[1])):
                most = min(self.limit, 1 + left // _bits(memory))
                copies = min(most, max((found.get(memory.name, 1) for found in wanted), default=1))
                if copies > 1:
                    left -= (copies - 1) * _bits(memory)
                    note(value, COPIES, integer(copies))
                    context.note(self.name, **{memory.name: f"{copies} copies of {_bits(memory)} bits"})


def _bits(memory: Memory) -> int:
    """What one copy holds."""
    halves = 2 if memory.role in ("input", "output") else 1
    return max(1, prod(memory.shape) * memory.bits * halves)
