"""narrow-loops: operations and memories of loops get the bits that their values need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects.stream import integer
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import functions
from stepwell.passes.hardware.loops.body import BITS
from stepwell.passes.hardware.loops.memories import WIDTH, note
from stepwell.passes.hardware.loops.reader import read_loops
from stepwell.support.loops.nest import Program
from stepwell.support.loops.ranges import narrow
from stepwell.support.widths import Range


@dataclass
class NarrowLoops(Pass):
    """Range analysis, through loops and memories. Types stay; ``stepwell.bits`` has the width in hardware."""

    name: ClassVar[str] = "narrow-loops"
    summary: ClassVar[str] = "the fewest bits for operations and memories of loops, by the ranges of their values"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for function in functions(op):
            loops = read_loops(function.operation)
            narrowed = narrow(loops.program, _parameters(loops.program, context))
            for before, after, body in zip(loops.program.nests, narrowed.nests, loops.bodies, strict=True):
                for old, new, origin in zip(before.operations, after.operations, body, strict=True):
                    if origin is not None and new.bits < old.bits and origin.op.results:
                        origin.op.attributes[BITS] = integer(new.bits)
            for (value, old_memory), memory in zip(loops.memories, narrowed.memories, strict=True):
                if memory.bits < old_memory.bits:
                    note(value, WIDTH, integer(memory.bits))
            context.note(self.name, **{m.name: f"{m.bits} bits" for m in narrowed.memories if m.role != "input"})


def _parameters(program: Program, context: PassContext) -> dict[str, Range]:
    """The ends of each parameter, where values are at hand: hardware is made for them."""
    if context.parameters is None:
        return {}
    values = {m.name: context.parameters[m.name] for m in program.role("parameter")}
    context.values_read.update(values)
    return {name: (int(value.min()), int(value.max())) for name, value in values.items()}
