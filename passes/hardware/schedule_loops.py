"""schedule-loops: a cycle for every operation of a pipeline, and how often an iteration starts."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects.stream import integer
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import functions
from stepwell.passes.hardware.loops.reader import INTERVAL, REASON, read_loops
from stepwell.support.loops.modulo import schedule
from stepwell.support.loops.nest import FREE, Nest


@dataclass
class ScheduleLoops(Pass):
    """Modulo scheduling of the innermost bodies of all affine loops, and of what stands around them.

    Loops get ``stepwell.interval``, and ``stepwell.reason`` where it is more than 1; operations ``stepwell.cycle``.
    """

    name: ClassVar[str] = "schedule-loops"
    summary: ClassVar[str] = "modulo scheduling of affine loops: a cycle for each operation, the interval of iterations"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for function in functions(op):
            loops = read_loops(function.operation)
            memories = {memory.name: memory for memory in loops.program.memories}
            for nest, loop, body in zip(loops.program.nests, loops.loops, loops.bodies, strict=True):
                scheduled = schedule(nest, memories)
                for operation, origin in zip(scheduled.operations, body, strict=True):
                    if origin is not None and operation.kind not in FREE:
                        origin.op.attributes[origin.cycle] = integer(operation.cycle)
                if loop is not None:
                    loop.attributes[INTERVAL] = integer(scheduled.interval)
                    if scheduled.reason:
                        loop.attributes[REASON] = ir.StringAttr.get(scheduled.reason)
                context.note(self.name, **{nest.location: _summary(scheduled)})


def _summary(nest: Nest) -> str:
    """What the report says of a nest."""
    text = f"interval {nest.interval} {nest.reason}".strip()
    if nest.trips:
        text += f", {nest.iterations} of {prod(nest.sizes)} iterations: bounds depend on other loops"
    elif any(op.guards for op in nest.operations):
        text += ", bounds depend on other loops: all rows take as long as the longest"
    return text
