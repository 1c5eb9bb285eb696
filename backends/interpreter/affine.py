"""The affine dialect."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.atomic import combiner, identity
from stepwell.backends.interpreter.element_types import element
from stepwell.backends.interpreter.indexing import load, store
from stepwell.backends.interpreter.operands import applied, integer_set, integers, mixed, segments
from stepwell.backends.interpreter.program import Builder
from stepwell.backends.interpreter.registry import Frame, Kernel, Step, kernel, step
from stepwell.support.errors import ExecutionError


def _map(op: ir.Operation, name: str = "map") -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    return applied(op.attributes[name].value)


@step("affine.for")
def _for(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    lows, highs, initial = (slots[start:end] for start, end in segments(op))
    lower, upper = _map(op, "lowerBoundMap"), _map(op, "upperBoundMap")
    stride = op.attributes["step"].value
    body = builder.body(op.regions[0])
    outputs = builder.results(op)
    last = builder.last_uses()

    def run(frame: Frame) -> None:
        start = max(lower([frame[slot] for slot in lows]))
        end = min(upper([frame[slot] for slot in highs]))
        values = last.take_all(frame, initial)
        for position in range(int(start), int(end), stride):
            values.insert(0, np.int64(position))
            values = body.run(frame, values)
        for slot, value in zip(outputs, values, strict=True):
            frame[slot] = value

    return run


@step("affine.parallel")
def _parallel(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    lower_map, upper_map = op.attributes["lowerBoundsMap"].value, op.attributes["upperBoundsMap"].value
    lower, upper = applied(lower_map), applied(upper_map)
    lower_groups = integers(op.attributes["lowerBoundsGroups"])
    upper_groups = integers(op.attributes["upperBoundsGroups"])
    strides = integers(op.attributes["steps"])
    split = lower_map.n_inputs
    items = [element(result.type) for result in op.results]
    kinds = integers(op.attributes["reductions"])
    combiners = [combiner(kind, item) for kind, item in zip(kinds, items, strict=True)]
    neutrals = [identity(kind, item) for kind, item in zip(kinds, items, strict=True)]
    body = builder.body(op.regions[0])
    outputs = builder.results(op)

    def run(frame: Frame) -> None:
        starts = _grouped(lower([frame[slot] for slot in slots[:split]]), lower_groups, max)
        ends = _grouped(upper([frame[slot] for slot in slots[split:]]), upper_groups, min)
        totals = list(neutrals)
        for point in itertools.product(*map(range, starts, ends, strides)):
            values = body.run(frame, [np.int64(index) for index in point])
            totals = [c(t, v) for c, t, v in zip(combiners, totals, values, strict=True)]
        for slot, total in zip(outputs, totals, strict=True):
            frame[slot] = total

    return run


def _grouped(bounds: tuple[Any, ...], groups: list[int], choose: Callable[[Any], Any]) -> list[int]:
    result = []
    start = 0
    for size in groups:
        result.append(int(choose(bounds[start : start + size])))
        start += size
    return result


@step("affine.if")
def _if(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    constraints, equal = integer_set(op.attributes["condition"])
    evaluate = applied(constraints)
    bodies = [builder.body(region) for region in op.regions]
    outputs = builder.results(op)

    def run(frame: Frame) -> None:
        values = evaluate([frame[slot] for slot in slots])
        holds = all(value == 0 if exact else value >= 0 for value, exact in zip(values, equal, strict=True))
        results = bodies[0 if holds else 1].run(frame)
        for slot, value in zip(outputs, results, strict=True):
            frame[slot] = value

    return run


@kernel("affine.apply")
def _apply(op: ir.Operation) -> Kernel:
    function = _map(op)
    return lambda *values: _index(function(values)[0])


@kernel("affine.min", "affine.max")
def _extreme(op: ir.Operation) -> Kernel:
    function = _map(op)
    choose = np.minimum if op.name == "affine.min" else np.maximum

    def extreme(*values: Any) -> Any:
        first, *rest = function(values)
        for other in rest:
            first = choose(first, other)
        return _index(first)

    return extreme


def _index(value: Any) -> Any:
    return np.int64(value) if isinstance(value, int) else value


@kernel("affine.load")
def _load(op: ir.Operation) -> Kernel:
    function = _map(op)
    return lambda source, *values: load(source, function(values))


@kernel("affine.store")
def _store(op: ir.Operation) -> Kernel:
    function = _map(op)
    return lambda value, target, *values: store(value, target, function(values))


@kernel("affine.vector_load")
def _vector_load(op: ir.Operation) -> Kernel:
    function = _map(op)
    shape = tuple(op.results[0].type.shape)

    def vector_load(source: Any, *values: Any) -> Any:
        return _vector_window(source, function(values), shape).copy()

    return vector_load


@kernel("affine.vector_store")
def _vector_store(op: ir.Operation) -> Kernel:
    function = _map(op)

    def vector_store(value: Any, target: Any, *values: Any) -> None:
        _vector_window(target, function(values), value.shape)[...] = value

    return vector_store


def _vector_window(base: Any, indices: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    full = (1,) * (base.ndim - len(shape)) + shape
    for index, size, extent in zip(indices, full, base.shape, strict=True):
        if index < 0 or index + size > extent:
            raise ExecutionError(f"a vector at {[int(i) for i in indices]} leaves the buffer of {list(base.shape)}")
    return base[tuple(slice(int(i), int(i) + size) for i, size in zip(indices, full, strict=True))].reshape(shape)


@kernel("affine.delinearize_index")
def _delinearize(op: ir.Operation) -> Kernel:
    basis = mixed(list(op.attributes["static_basis"]), 1)
    count = len(op.results)

    def delinearize(*values: Any) -> Any:
        sizes = basis(values)
        rest = values[0]
        parts = []
        for size in reversed(sizes if len(sizes) < count else sizes[1:]):
            parts.append(rest % size)
            rest = rest // size
        results = tuple(reversed([*parts, rest]))
        return results if count > 1 else results[0]

    return delinearize


@kernel("affine.linearize_index")
def _linearize(op: ir.Operation) -> Kernel:
    (_, end), _ = segments(op)
    basis = mixed(list(op.attributes["static_basis"]), end)

    def linearize(*values: Any) -> Any:
        total: Any = np.int64(0)
        sizes = basis(values)
        for index, size in zip(values[:end], (1,) * (end - len(sizes)) + sizes, strict=True):
            total = total * size + index
        return total

    return linearize


@kernel("affine.prefetch", "memref.prefetch")
def _prefetch(op: ir.Operation) -> Kernel:
    return lambda *values: None
