"""scf.parallel and scf.forall, one iteration after the other in lexicographic order."""

from __future__ import annotations

import itertools

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.operands import Mixed, Slices, mixed, segments, slices
from stepwell.backends.interpreter.program import Builder
from stepwell.backends.interpreter.registry import Frame, Step, step
from stepwell.backends.interpreter.scf import positive_step
from stepwell.backends.interpreter.tensor_slices import window


def _terminator(op: ir.Operation) -> ir.Operation:
    return list(op.regions[0].blocks[0].operations)[-1].operation


@step("scf.parallel")
def _parallel(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    lows, highs, strides, initial = (slots[start:end] for start, end in segments(op))
    body = builder.body(op.regions[0])
    combiners = [builder.body(region) for region in _terminator(op).regions]
    outputs = builder.results(op)

    def run(frame: Frame) -> None:
        ranges = [
            range(int(frame[low]), int(frame[high]), positive_step(int(frame[stride]), "scf.parallel"))
            for low, high, stride in zip(lows, highs, strides, strict=True)
        ]
        totals = [frame[slot] for slot in initial]
        for point in itertools.product(*ranges):
            values = body.run(frame, [np.int64(index) for index in point])
            totals = [
                combiner.run(frame, [total, value])[0]
                for combiner, total, value in zip(combiners, totals, values, strict=True)
            ]
        for slot, total in zip(outputs, totals, strict=True):
            frame[slot] = total

    return run


@step("scf.forall")
def _forall(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    groups = segments(op)
    bounds: list[Mixed] = [
        mixed(list(op.attributes[name]), groups[group][0])
        for group, name in enumerate(("staticLowerBound", "staticUpperBound", "staticStep"))
    ]
    shared = slots[groups[3][0] : groups[3][1]]
    body = builder.body(op.regions[0])
    insertions = builder.body(_terminator(op).regions[0])
    rank = len(body.arguments) - len(shared)
    targets = body.arguments[rank:]
    outputs = builder.results(op)
    last = builder.last_uses()

    def run(frame: Frame) -> None:
        numbers = [frame[slot] for slot in slots]
        lows, highs, strides = (bound(numbers) for bound in bounds)
        del numbers
        results = [value if free else value.copy() for value, free in last.take_each(frame, shared)]
        ranges = [
            range(low, high, positive_step(stride, "scf.forall"))
            for low, high, stride in zip(lows, highs, strides, strict=True)
        ]
        for point in itertools.product(*ranges):
            body.run(frame, [*(np.int64(index) for index in point), *results])
            # The body may have let go of what it saw last; the insertions write into all of them.
            for slot, value in zip(targets, results, strict=True):
                frame[slot] = value
            insertions.run(frame)
        for slot, value in zip(outputs, results, strict=True):
            frame[slot] = value

    return run


@step("tensor.parallel_insert_slice")
def _parallel_insert_slice(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    part: Slices = slices(op, 2)
    source, target = slots[:2]

    def run(frame: Frame) -> None:
        values = [frame[slot] for slot in slots]
        place = window(frame[target], part, values, op.name)
        place[...] = frame[source].reshape(place.shape)

    return run
