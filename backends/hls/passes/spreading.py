"""Gives the components of a ``stream.graph`` another parallelism; what joins them is made anew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields

from torch_mlir import ir

from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.describe import component_operations, describe
from stepwell.dialects import stream
from stepwell.passes.hardware.wiring import Beats, insert_forks
from stepwell.support.orders import innermost
from stepwell.support.walk import named

_WIRING = ("stream.fork", "stream.fifo", "stream.resize")
_SOURCES = ("stream.source", "stream.float_source", "stream.scaled_source")


def spread(module: ir.Operation, choice: Mapping[str, tuple[int, ...]]) -> None:
    """Spread the components named in ``choice``, each as one of its choices, and join all again.

    FIFOs are gone then: ``size-fifos`` comes after it.
    """
    design = describe(module)
    pairs = list(zip(design.components, component_operations(module), strict=True))
    wanted = [
        (component.spread(choice.get(component.name, component.parallelism)), op)
        for component, op in pairs
        if not component.wiring
    ]
    for op in named(module, *_WIRING):
        for result in list(op.results):
            result.replace_all_uses_with(op.operands[0])
    for op in reversed(named(module, *_WIRING)):
        op.erase()
    before = {component.name: component for component, _ in pairs}
    for component, op in wanted:
        _write(op, before[component.name], component)
    _join(module, [(op, [port.beat for port in component.inputs]) for component, op in wanted])


def _write(op: ir.Operation, before: Component, after: Component) -> None:
    """The attributes and results of ``after``."""
    common = {f.name for f in fields(Component)}
    for name in (f.name for f in fields(after) if f.name not in common):
        value = getattr(after, name)
        if value != getattr(before, name):
            op.attributes[name] = stream.integers(value) if isinstance(value, tuple) else stream.integer(value)
    for port, result in zip(after.outputs, op.results, strict=True):
        _cut(result, port.beat)


def _join(module: ir.Operation, readers: list[tuple[ir.Operation, list[int]]]) -> None:
    """Let every reader have its beats; who feeds the graph sends the largest that are asked for."""
    asked: dict[ir.Value, list[int]] = {}
    for op, beats in readers:
        for value, beat in zip(op.operands, beats, strict=True):
            asked.setdefault(value, []).append(beat)
    reshapes = []
    for op in reversed(named(module, "stream.reshape")):
        before, after = (stream.read_stream(value.type) for value in (op.operands[0], op.results[0]))
        beat = math.gcd(max(asked.get(op.results[0], [after.beat])), innermost(before.shape, before.order))
        _cut(op.results[0], beat)
        asked.setdefault(op.operands[0], []).append(beat)
        reshapes.append((op, [beat]))
    for source in named(module, *_SOURCES):
        _cut(source.results[0], max(asked.get(source.results[0], [1])))
    joined = Beats()
    for op, beats in [*reversed(reshapes), *readers]:
        for number, beat in enumerate(beats):
            with ir.InsertionPoint(op), op.location:
                op.operands[number] = joined.fit(op.operands[number], beat)
    (graph,) = module.regions[0].blocks[0].operations
    insert_forks(graph.regions[0].blocks[0])


def _cut(value: ir.Value, beat: int) -> None:
    frame = stream.read_stream(value.type)
    with value.context, ir.Location.unknown():
        value.set_type(stream.stream_type(ir.IntegerType.get_signless(frame.bits), beat, frame.shape, frame.order))
