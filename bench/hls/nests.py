"""A kernel by our own route: from affine loops to a pipeline between memories, run and synthesised."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from bench.hls.kernels import Kernel, operands
from bench.hls.placed import Placed, place
from stepwell.backends.hls.components.loops import Loops
from stepwell.backends.hls.describe import describe
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.generate import generate
from stepwell.backends.hls.simulate import Simulator
from stepwell.dialects.context import make_context
from stepwell.passes.base import PassContext
from stepwell.passes.hardware.loops.pipeline import loop_passes
from stepwell.passes.runner import run_element
from stepwell.support.loops.sequence import cycles

_FRAMES = 16


def measure(kernel: Kernel, factors: tuple[int, int]) -> dict[str, Any]:
    """Cycles and multipliers; ``factors`` unroll loops that add up, and others."""
    design = _design(kernel, factors)
    (component,) = design.components
    assert isinstance(component, Loops)
    inputs = operands(kernel)
    frames = {port.name: np.stack([values] * _FRAMES) for port, values in zip(design.inputs, inputs, strict=True)}
    simulator = Simulator(design, _files(design))
    run = simulator.run(frames)
    half = simulator.run({name: values[: _FRAMES // 2] for name, values in frames.items()})
    wanted = kernel.reference(*inputs).ravel()
    words = wanted.size - kernel.spare
    if not all(np.array_equal(frame.ravel()[:words], wanted[:words]) for frame in run.outputs[0]):
        raise SystemExit("the RTL gives other integers than numpy: nothing is measured")
    return {
        "multipliers": design.multipliers,
        "nests": cycles(component.program) + max(nest.depth for nest in component.program.nests),
        "last": run.latency,
        "steady": (run.cycles - half.cycles) / (_FRAMES // 2),
    }


def placed(kernel: Kernel, factors: tuple[int, int]) -> Placed:
    """Area and clock."""
    design = _design(kernel, factors)
    return place(design, _files(design))


def _files(design: Design) -> dict[str, bytes]:
    return {name: text.encode() for name, text in generate(design).items()} | design.memory_files({})


def _design(kernel: Kernel, factors: tuple[int, int]) -> Design:
    context = make_context(torch=False)
    with context, ir.Location.file("kernel.mlir", 1, 1, context):
        module = ir.Module.parse(kernel.text)
        for element in loop_passes(factors):
            run_element(element, module.operation, PassContext())
        return describe(module.operation)
