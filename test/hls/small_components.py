"""One small instance of every component, for checks that hold for all: netlists, formal proofs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from loop_cases import Case
from loop_cases import component as loops_of
from loop_texts import matmul

from stepwell.backends.hls.components.base import Array, Component, Port
from stepwell.backends.hls.components.concat import Concat
from stepwell.backends.hls.components.elementwise import Add, Multiply
from stepwell.backends.hls.components.fifo import Fifo
from stepwell.backends.hls.components.fork import Fork
from stepwell.backends.hls.components.linear import Linear
from stepwell.backends.hls.components.matmul import Matmul
from stepwell.backends.hls.components.normalize import Normalize
from stepwell.backends.hls.components.pool import Pool
from stepwell.backends.hls.components.reorder import Reorder
from stepwell.backends.hls.components.requantize import Requantize
from stepwell.backends.hls.components.resize import Resize
from stepwell.backends.hls.components.scaled_softmax import ScaledSoftmax
from stepwell.backends.hls.components.sign import Sign
from stepwell.backends.hls.components.slice import Slice
from stepwell.backends.hls.components.softmax import Softmax
from stepwell.backends.hls.components.table import Table
from stepwell.backends.hls.components.weight import Weight
from stepwell.backends.hls.components.window import Window
from stepwell.backends.hls.design import Design, Sink
from stepwell.support.orders import CHANNELS_LAST

_NIBBLE = (-8, 7)
_POOLED = (("in", (4, 4)), ("out", (2, 2)))


def _port(name: str, beat: int, *shape: int, bits: int = 4) -> Port:
    return Port(name, bits, beat, shape)


def _pair(cls: Any, name: str) -> Component:
    ports = _port("left", 2, 3, 2), _port("right", 2, 3, 2)
    return cls(name, ("left", "right"), "", ports, (_port("out", 2, 3, 2),), 1, "half-even", _NIBBLE)


def _linear(name: str) -> Component:
    ports = (_port("in", 2, 3, 4),), (_port("out", 1, 3, 2),)
    details = {"weight_bits": 4, "weight_layout": "kn", "bias": f"{name}.bias", "accumulator": 10}
    return Linear(
        name, ("in",), "", *ports, inner=4, outer=2, groups=1, lanes=1, unroll=(2, 1), weight=f"{name}.weight",
        **details, shift=2, rounding="half-up", clamp=_NIBBLE,
    )  # fmt: skip


def _requantize(name: str) -> Component:
    ports = (_port("in", 1, 5, bits=6),), (_port("out", 1, 5),)
    return Requantize(name, ("in",), "", *ports, 3, "half-up", _NIBBLE, 5, registers=1)


def _fork(name: str) -> Component:
    outputs = tuple(_port(port, 2, 3, 2) for port in Fork.output_names(2))
    return Fork(name, ("in",), "", (_port("in", 2, 3, 2),), outputs)


def _window(name: str) -> Component:
    image, rows = Port("in", 4, 1, (1, 2, 3, 3), None, CHANNELS_LAST), _port("out", 2, 4, 8)
    return Window(name, ("in",), "", (image,), (rows,), (2, 2), (1, 1), (0, 0), (1, 1), 1, 1, 0, registers=1)


def _memory_window(name: str) -> Component:
    image, rows = Port("in", 4, 2, (1, 8, 3, 2), None, CHANNELS_LAST), _port("out", 2, 6, 72)
    return Window(name, ("in",), "", (image,), (rows,), (3, 3), (1, 1), (1, 1), (1, 1), 1, 1, 0)


def _pool(name: str) -> Component:
    image, result = (Port(port, 4, 2, (1, 2, *sizes), None, CHANNELS_LAST) for port, sizes in _POOLED)
    return Pool(name, ("in",), "", (image,), (result,), "max", 4, 4, 1, (2, 2), 0, "floor", _NIBBLE, registers=1)


def _through(cls: Any, name: str, beat: int, *details: Any) -> Component:
    return cls(name, ("in",), "", (_port("in", 2, 2, 6),), (_port("out", beat, 2, 6),), *details)


def _loops(name: str) -> Component:
    made = loops_of(Case(matmul(2, 3, 2), np.matmul))
    return replace(made, name=name)


def _matmul(name: str) -> Component:
    ports = _port("left", 2, 2, 2, 4), _port("right", 1, 2, 4, 2)
    details = {"inner": 4, "outer": 2, "unroll": (2, 1), "accumulator": 10, "layout": "kn"}
    return Matmul(
        name, ("left", "right"), "", ports, (_port("out", 1, 2, 2, 2),), **details,
        shift=2, rounding="half-up", clamp=_NIBBLE,
    )  # fmt: skip


def _rows(cls: Any, name: str, out_bits: int, *details: Any) -> Component:
    """Rows of four elements; the products lose what is behind the third bit of fraction."""
    ports = (_port("in", 2, 2, 4),), (_port("out", 2, 2, 4, bits=out_bits),)
    component = cls(name, ("in",), "", *ports, *details, 0, "half-up", (-8, 15))
    return replace(component, shift=component.numbers.fraction - 3)


def _reorder(name: str) -> Component:
    return Reorder(name, ("in",), "", (_port("in", 2, 2, 3, 2),), (_port("out", 2, 3, 2, 2),), (1, 0, 2))


def _slice(name: str) -> Component:
    return Slice(name, ("in",), "", (_port("in", 2, 2, 3, 4),), (_port("out", 2, 2, 2, 4),), 1, 1, 3)


def _concat(name: str) -> Component:
    ports = _port("left", 2, 2, 1, 4), _port("right", 2, 2, 2, 4)
    return Concat(name, ("left", "right"), "", ports, (_port("out", 2, 2, 3, 4),), 1)


#: Kind -> an instance called as asked, whose sources are called after its inputs.
SMALL: dict[str, Callable[[str], Component]] = {
    "add": lambda name: _pair(Add, name),
    "concat": _concat,
    "fifo": lambda name: _through(Fifo, name, 2, 4),
    "fork": _fork,
    "linear": _linear,
    "loops": _loops,
    "matmul": _matmul,
    "multiply": lambda name: _pair(Multiply, name),
    "normalize": lambda name: _rows(Normalize, name, 5, 1, 3, 6),
    "reorder": _reorder,
    "requantize": _requantize,
    "resize": lambda name: _through(Resize, name, 3),
    "scaled_softmax": lambda name: _rows(ScaledSoftmax, name, 5, 1, 6),
    "sign": lambda name: _through(Sign, name, 2, 0, "floor", _NIBBLE),
    "slice": _slice,
    "softmax": lambda name: _rows(Softmax, name, 5, 1, 6),
    "table": lambda name: _through(Table, name, 2, "tanh", (4, 1, 1), (4, 3, 1), "half-up"),
    "window": _window,
    "window_memory": _memory_window,
    "pool": _pool,
    "weight": lambda name: Weight(name, (), "", (), (_port("out", 2, 3, 4),), f"{name}.weight", (4,)),
}


def alone(kind: str) -> Design:
    """A design of one component."""
    return side_by_side([kind])


def side_by_side(kinds: list[str]) -> Design:
    """A design of one component of each of ``kinds``, each with inputs and outputs of its own."""
    inputs: list[Port] = []
    components: list[Component] = []
    outputs: list[Sink] = []
    for kind in kinds:
        component = SMALL[kind](f"{kind}0")
        sources = tuple(f"{kind}_{port.name}" for port in component.inputs)
        components.append(replace(component, sources=sources))
        inputs += [replace(port, name=name) for port, name in zip(component.inputs, sources, strict=True)]
        for stream, port in zip(component.streams, component.outputs, strict=True):
            outputs.append(Sink(stream, replace(port, name=f"{kind}_{port.name}")))
    return Design("stepwell_main", tuple(inputs), tuple(components), tuple(outputs))


def parameters_of(design: Design) -> dict[str, Array]:
    """Random weights."""
    random = np.random.default_rng(0)
    values: dict[str, Array] = {}
    for component in design.components:
        if isinstance(component, Linear):
            values[component.weight] = random.integers(-8, 8, (component.inner, component.outer)).astype(np.int8)
            values[component.bias] = random.integers(-30, 30, component.outer).astype(np.int32)
        if isinstance(component, Weight):
            values[component.weight] = random.integers(-8, 8, component.weight_shape).astype(np.int8)
    return values
