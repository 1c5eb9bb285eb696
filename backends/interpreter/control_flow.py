"""Functions, calls, and branches between blocks (func and cf dialects)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.operands import segments
from stepwell.backends.interpreter.program import Body, Builder, Caller, Observer
from stepwell.backends.interpreter.registry import Frame, Kernel, Step, kernel, step
from stepwell.support.errors import ExecutionError, UnsupportedError
from stepwell.support.locations import describe_location

# From the frame to the next block and its arguments; no block is a return.
Jump = Callable[[Frame], tuple[int | None, list[Any]]]


@dataclass
class Function:
    """A function ready to run: its blocks and where each goes."""

    blocks: list[Body]
    jumps: list[Jump]
    builder: Builder

    def run(self, arguments: list[Any]) -> list[Any]:
        """Run with ``arguments`` in a frame of its own."""
        frame: Frame = [None] * self.builder.size
        if not self.jumps:
            return self.blocks[0].run(frame, list(arguments))
        current: int | None = 0
        values = list(arguments)
        while current is not None:
            self.blocks[current].run(frame, values)
            current, values = self.jumps[current](frame)
        return values


def build_function(op: ir.Operation, caller: Caller, observer: Observer | None) -> Function:
    """The closures of a ``func.func`` with a body."""
    builder = Builder(caller, observer)
    blocks = list(op.regions[0].blocks)
    if len(blocks) == 1:
        return Function([builder.block(blocks[0])], [], builder)
    bodies = [builder.block(block, keep=True) for block in blocks]
    jumps = [_jump(list(block.operations)[-1].operation, blocks, builder) for block in blocks]
    return Function(bodies, jumps, builder)


def _jump(op: ir.Operation, blocks: list[ir.Block], builder: Builder) -> Jump:
    slots = builder.uses(list(op.operands))
    targets = [blocks.index(successor) for successor in op.successors]
    if op.name == "func.return":
        return lambda frame: (None, [frame[slot] for slot in slots])
    if op.name == "cf.br":
        return lambda frame: (targets[0], [frame[slot] for slot in slots])
    if op.name == "cf.cond_br":
        (_, condition), (_, middle), _ = segments(op)

        def branch(frame: Frame) -> tuple[int, list[Any]]:
            if frame[slots[0]]:
                return targets[0], [frame[slot] for slot in slots[condition:middle]]
            return targets[1], [frame[slot] for slot in slots[middle:]]

        return branch
    if op.name == "cf.switch":
        return _switch(op, slots, targets)
    raise UnsupportedError(
        f"the interpreter does not know the terminator '{op.name}'", where=describe_location(op.location)
    )


def _switch(op: ir.Operation, slots: list[int], targets: list[int]) -> Jump:
    cases = [int(value) for value in op.attributes["case_values"]] if "case_values" in op.attributes else []
    default_end = segments(op)[1][1]
    sizes = list(op.attributes["case_operand_segments"])
    ends = [default_end + sum(sizes[: i + 1]) for i in range(len(sizes))]

    def jump(frame: Frame) -> tuple[int, list[Any]]:
        flag = int(frame[slots[0]])
        if flag in cases:
            case = cases.index(flag)
            chosen = slots[ends[case] - sizes[case] : ends[case]]
            return targets[1 + case], [frame[slot] for slot in chosen]
        return targets[0], [frame[slot] for slot in slots[1:default_end]]

    return jump


@step("func.call")
def _call(op: ir.Operation, builder: Builder) -> Step:
    callee = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
    call = builder.call
    inputs = builder.uses(list(op.operands))
    outputs = builder.results(op)

    def run(frame: Frame) -> None:
        values = call(callee, [frame[slot] for slot in inputs])
        for slot, value in zip(outputs, values, strict=True):
            frame[slot] = value

    return run


@kernel("cf.assert")
def _assert(op: ir.Operation) -> Kernel:
    message = ir.StringAttr(op.attributes["msg"]).value

    def check(condition: Any) -> None:
        if not np.all(condition):
            raise ExecutionError(f"assertion failed: {message}")

    return check
