"""Sequential control flow: the scf dialect but its parallel loops."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import element
from stepwell.backends.interpreter.operands import integers
from stepwell.backends.interpreter.program import Body, Builder
from stepwell.backends.interpreter.registry import Frame, Step, step
from stepwell.support.errors import ExecutionError


def positive_step(value: int, name: str) -> int:
    """``value``, refused unless it is above zero."""
    if value <= 0:
        raise ExecutionError(f"'{name}' has the step {value}, it must be positive")
    return value


@step("scf.for")
def _for(op: ir.Operation, builder: Builder) -> Step:
    low, high, stride, *initial = builder.uses(list(op.operands))
    number = element(op.operands[0].type).dtype.type
    body = builder.body(op.regions[0])
    outputs = builder.results(op)
    last = builder.last_uses()

    def run(frame: Frame) -> None:
        values = last.take_all(frame, initial)
        start, end = int(frame[low]), int(frame[high])
        for position in range(start, end, positive_step(int(frame[stride]), "scf.for")):
            values.insert(0, number(position))
            values = body.run(frame, values)
        for slot, value in zip(outputs, values, strict=True):
            frame[slot] = value

    return run


@step("scf.while")
def _while(op: ir.Operation, builder: Builder) -> Step:
    initial = builder.uses(list(op.operands))
    before, after = (builder.body(region) for region in op.regions)
    outputs = builder.results(op)
    last = builder.last_uses()

    def run(frame: Frame) -> None:
        values = last.take_all(frame, initial)
        while True:
            values = before.run(frame, values)
            if not values.pop(0):
                break
            values = after.run(frame, values)
        for slot, value in zip(outputs, values, strict=True):
            frame[slot] = value

    return run


@step("scf.if")
def _if(op: ir.Operation, builder: Builder) -> Step:
    condition = builder.use(op.operands[0])
    return _choose(op, builder, lambda frame: 0 if frame[condition] else 1)


@step("scf.index_switch")
def _index_switch(op: ir.Operation, builder: Builder) -> Step:
    selector = builder.use(op.operands[0])
    # The default region comes first.
    regions = {case: position + 1 for position, case in enumerate(integers(op.attributes["cases"]))}
    return _choose(op, builder, lambda frame: regions.get(int(frame[selector]), 0))


@step("scf.execute_region", "memref.alloca_scope")
def _execute_region(op: ir.Operation, builder: Builder) -> Step:
    return _choose(op, builder, lambda frame: 0)


def _choose(op: ir.Operation, builder: Builder, choose: Any) -> Step:
    bodies: list[Body] = [builder.body(region) for region in op.regions]
    outputs = builder.results(op)

    def run(frame: Frame) -> None:
        values = bodies[choose(frame)].run(frame)
        for slot, value in zip(outputs, values, strict=True):
            frame[slot] = value

    return run


def index(value: int) -> Any:
    """A number of type index."""
    return np.int64(value)
