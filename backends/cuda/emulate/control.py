"""Loops and branches: threads that part run beside each other and go on together behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.emulate.lanes import Active, chosen, each, merged, uniform
from stepwell.backends.cuda.emulate.machine import Unit, Wait
from stepwell.backends.cuda.emulate.program import Body, Builder, Maker, Step, Waiting
from stepwell.backends.interpreter.element_types import element
from stepwell.support.errors import ExecutionError

Parts = Callable[[Unit, Active], Wait]


def _made(bodies: list[Body], run: Parts) -> Step | Waiting:
    """``run`` as a step where none of the bodies waits."""
    if any(body.waits for body in bodies):
        return Waiting(run)

    def step(unit: Unit, active: Active) -> None:
        for told in run(unit, active):
            raise ExecutionError(f"waits for {told} where nothing waits")

    return step


def _run(body: Body, unit: Unit, active: Active) -> Wait:
    if body.waits:
        yield from body.run_waiting(unit, active)
    else:
        body.run(unit, active)


def _set(unit: Unit, slots: list[int], values: list[Any]) -> None:
    for slot, value in zip(slots, values, strict=True):
        unit.slots[slot] = value


def _get(unit: Unit, slots: list[int]) -> list[Any]:
    return [unit.slots[slot] for slot in slots]


def make_if(op: ir.Operation, builder: Builder) -> Step | Waiting:
    """``scf.if``."""
    condition = builder.slot(op.operands[0])
    bodies = [builder.body(region.blocks[0]) for region in op.regions if len(region.blocks)]
    results = builder.slots(list(op.results))

    def run(unit: Unit, active: Active) -> Wait:
        holds = unit.slots[condition]
        same = uniform(holds, active)
        if same is not None:
            number = 0 if same else 1
            if number < len(bodies):
                yield from _run(bodies[number], unit, active)
                _set(unit, results, _get(unit, bodies[number].yields))
            return
        parts = [active.where(holds), active.where(~holds)][: len(bodies)]
        yield from _beside([_run(body, unit, part) for body, part in zip(bodies, parts, strict=True)])
        if results:
            first, second = (_get(unit, body.yields) for body in bodies)
            _set(unit, results, [_chosen(holds, a, b) for a, b in zip(first, second, strict=True)])

    return _made(bodies, run)


def _chosen(condition: Any, first: Any, second: Any) -> Any:
    if isinstance(first, tuple):
        return tuple(np.where(condition, a, b) for a, b in zip(first, second, strict=True))
    return np.where(condition, first, second)


def _beside(parts: list[Wait]) -> Wait:
    """Run all of them in turns; waits while all that are left wait."""
    running = list(parts)
    while running:
        told = []
        for part in list(running):
            try:
                told.append(next(part))
            except StopIteration:
                running.remove(part)
        if running:
            yield " and ".join(told)


def make_for(op: ir.Operation, builder: Builder) -> Step | Waiting:
    """``scf.for``; threads may go round a different number of times."""
    start, stop, step, *initial = builder.slots(list(op.operands))
    number = element(op.operands[0].type).dtype.type
    unsigned = "unsignedCmp" in op.attributes
    body = builder.body(op.regions[0].blocks[0])
    results = builder.slots(list(op.results))

    def run(unit: Unit, active: Active) -> Wait:
        bounds = [unit.slots[slot] for slot in (start, stop, step)]
        carried = _get(unit, initial)
        fixed = [uniform(bound, active) for bound in bounds]
        if (chosen(bounds[2], active) <= 0).any():
            raise ExecutionError("'scf.for' has a step that is not positive")
        known = [int(bound) for bound in fixed if bound is not None]
        if unsigned and any(bound < 0 for bound in known):
            raise ExecutionError("'scf.for' over unsigned numbers of more than half their range is not emulated")
        if len(known) == len(fixed):
            for index in range(*known):
                _set(unit, body.arguments, [number(index), *carried])
                yield from _run(body, unit, active)
                carried = _get(unit, body.yields)
        else:
            place, last, by = (each(bound, unit.count) for bound in bounds)
            inside = active.where(place < last)
            while inside.mask.any():
                _set(unit, body.arguments, [place, *carried])
                yield from _run(body, unit, inside)
                carried = [merged(inside, a, b) for a, b in zip(_get(unit, body.yields), carried, strict=True)]
                place = np.where(inside.mask, place + by, place).astype(number)
                inside = inside.where(place < last)
        _set(unit, results, carried)

    return _made([body], run)


def make_while(op: ir.Operation, builder: Builder) -> Step | Waiting:
    """``scf.while``."""
    initial = builder.slots(list(op.operands))
    before, after = (builder.body(region.blocks[0]) for region in op.regions)
    results = builder.slots(list(op.results))

    def run(unit: Unit, active: Active) -> Wait:
        carried, inside = _get(unit, initial), active
        found: list[Any] | None = None
        while inside.mask.any():
            _set(unit, before.arguments, carried)
            yield from _run(before, unit, inside)
            goes_on, *forwarded = _get(unit, before.yields)
            found = forwarded if found is None else _merged(inside, forwarded, found)
            inside = inside.where(goes_on)
            if not inside.mask.any():
                break
            _set(unit, after.arguments, found)
            yield from _run(after, unit, inside)
            carried = _merged(inside, _get(unit, after.yields), carried)
        _set(unit, results, found or [])

    return _made([before, after], run)


def _merged(active: Active, new: list[Any], old: list[Any]) -> list[Any]:
    return [merged(active, a, b) for a, b in zip(new, old, strict=True)]


MAKERS: dict[str, Maker] = {"scf.for": make_for, "scf.if": make_if, "scf.while": make_while}
