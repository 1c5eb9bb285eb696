"""Loop nests as text, and what each computes in plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from loop_shapes import BAND, CROWD, DEEP_SIBLINGS, GRAM, HALVES, JOINED, LEAST, SIBLINGS, TRIANGLE, TRIANGLES
from loop_texts import (
    BORDER,
    CONSTANTS,
    CONVOLUTION,
    FIR,
    MIXED,
    PORTS,
    SCALAR,
    STENCIL,
    matmul,
)  # fmt: skip
from side_by_side import build
from torch_mlir import ir

from stepwell.backends.hls.components.base import Array, Port
from stepwell.backends.hls.components.loops import Loops
from stepwell.backends.hls.describe import describe
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.simulate import Simulator
from stepwell.dialects.context import make_context
from stepwell.passes.base import PassContext
from stepwell.passes.hardware.loops.pipeline import loop_passes
from stepwell.passes.runner import run_element


@dataclass(frozen=True)
class Case:
    """A function on memrefs with the factors of ``unroll-nests``; ``expected`` takes and gives int64 arrays.

    ``interval`` and ``reason``: of its slowest nest.
    """

    text: str
    expected: Callable[..., Any]
    factors: tuple[int, int] = (1, 1)
    interval: int = 1
    reason: str = ""


def component(case: Case) -> Loops:
    """The component of a case."""
    context = make_context(torch=False)
    with context, ir.Location.file("loops.mlir", 1, 1, context):
        module = ir.Module.parse(case.text)
        for element in loop_passes(case.factors):
            run_element(element, module.operation, PassContext())
        (found,) = describe(module.operation).components
    assert isinstance(found, Loops)
    return found


def side_by_side(cases: dict[str, Case]) -> Design:
    """All cases in one design."""
    inputs: list[Port] = []
    components: list[Loops] = []
    outputs: list[Sink] = []
    for number, (name, case) in enumerate(cases.items()):
        found = component(case)
        ports = [replace(port, name=f"{name}-{port.name}") for port in found.inputs]
        made = replace(found, name=f"loops{number}", sources=tuple(port.name for port in ports))
        inputs += ports
        components.append(made)
        for stream, port in zip(made.streams, made.outputs, strict=True):
            outputs.append(Sink(stream, replace(port, name=f"{name}-{port.name}")))
    return Design("stepwell_main", tuple(inputs), tuple(components), tuple(outputs))


def hardware(design: Design) -> Simulator:
    """The hardware of a design without parameters, with what its memories begin with."""
    simulator = build(design)
    simulator.memories = design.memory_files({})
    return simulator


def wanted(cases: dict[str, Case], design: Design, frames: dict[str, Array]) -> list[Array]:
    """What each output of :func:`side_by_side` should be, for all frames."""
    results = []
    for case, found in zip(cases.values(), design.components, strict=True):
        per_frame = [[frames[source][n].astype(np.int64) for source in found.sources] for n in range(3)]
        outcomes = [case.expected(*values) for values in per_frame]
        outcomes = [outcome if isinstance(outcome, tuple) else (outcome,) for outcome in outcomes]
        for place, port in enumerate(found.outputs):
            results.append(np.array([outcome[place] for outcome in outcomes]).astype(f"int{port.bits}"))
    return results


def _stencil(x: Array) -> Array:
    y = x.copy()
    for i in range(1, 16):
        y[i] = ((y[i - 1] + x[i] + (1 << 15)) % (1 << 16) - (1 << 15)) >> 2
    return y


def _mixed(x: Array) -> tuple[Array, Array]:
    halves = (x % 256) >> 1
    t = np.where(x % 256 < 251, halves, x)
    places = np.arange(5)[:, None] * 4 - np.arange(4)
    return halves * places, -t.sum(0) * 8


def _constants(x: Array) -> Array:
    return np.where(x < [-32768, 700, -1, 3], x[::-1], abs(x[::-1]))


def _border(x: Array) -> Array:
    padded = np.pad(x, 1, constant_values=7)
    return padded[:4, :4] + padded[2:, 2:]


def _convolution(x: Array, w: Array) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    return np.einsum("chvij,fcij->fhv", windows, w)


def _triangle(x: Array, v: Array) -> Array:
    return np.array([sum(x[i, j] * v[i - j - 1] for j in range(i)) for i in range(7)])


def _triangles(a: Array, b: Array) -> Array:
    product = np.tril(a) @ np.tril(b)
    return product + np.tril(product, -1).T


def _band(x: Array) -> Array:
    distance = np.subtract.outer(np.arange(9), np.arange(9))
    return np.where((distance <= 2) & (distance > -2), x, 3).T


def _least(x: Array) -> Array:
    return np.array([min([1000, *x[i + 1 :, i]]) for i in range(6)])


CASES = {
    "matmul-8x8x8-one": Case(matmul(8, 8, 8), np.matmul),
    "matmul-8x8x8-by-4x2": Case(matmul(8, 8, 8), np.matmul, (4, 2)),
    "matmul-3x7x5-by-7x5": Case(matmul(3, 7, 5), np.matmul, (7, 5)),
    "matmul-30x30x30-by-5x6": Case(matmul(30, 30, 30), np.matmul, (5, 6)),
    "fir": Case(FIR, lambda x, w: np.convolve(x, w, "valid")),
    "convolution": Case(CONVOLUTION, _convolution),
    "convolution-by-3x4": Case(CONVOLUTION, _convolution, (3, 4)),
    "stencil": Case(STENCIL, _stencil, interval=3, reason="takes 3 cycles and is needed 1 iteration(s) later"),
    "ports": Case(
        PORTS,
        lambda x: np.maximum(x[:3], x[1:7:2]) ^ x[8],
    ),
    "mixed": Case(MIXED, _mixed),
    "constants": Case(CONSTANTS, _constants),
    "border": Case(BORDER, _border),
    "siblings": Case(SIBLINGS, lambda x: (x * x.sum(1, keepdims=True), x.sum(1))),
    "siblings-by-4x2": Case(SIBLINGS, lambda x: (x * x.sum(1, keepdims=True), x.sum(1)), (4, 2)),
    "deep-siblings": Case(
        DEEP_SIBLINGS, lambda x: x.cumsum(1)[:, ::-1], interval=3, reason="takes 3 cycles and is needed 1 iteration(s)"
    ),
    "triangle": Case(TRIANGLE, _triangle),
    "triangles": Case(TRIANGLES, _triangles, interval=2, reason="2 writes to bank 0 of"),
    "band": Case(BAND, _band),
    "least": Case(LEAST, _least),
    "joined": Case(JOINED, lambda x: x.reshape(3, 8)),
    "joined-by-6": Case(JOINED, lambda x: x.reshape(3, 8), (6, 1)),
    "halves": Case(HALVES, lambda x: x.reshape(12, 2)),
    "gram": Case(GRAM, lambda x: x @ x.T),
    "crowd": Case(CROWD, lambda x: sum(x[k : k + 6] for k in range(6)), interval=2, reason="2 reads from bank 0 of"),
    "scalar": Case(SCALAR, lambda x: x * x),
}
