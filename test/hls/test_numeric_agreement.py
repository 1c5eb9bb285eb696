"""The numeric dialect in the interpreter and the components in Verilator: a quantised perceptron, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch_mlir import ir

import stepwell
from stepwell.backends.hls.components.base import Array, Port
from stepwell.backends.hls.components.linear import Linear
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.generate import generate
from stepwell.backends.hls.simulate import Simulator, Traffic
from stepwell.backends.interpreter.calibrate import calibrate
from stepwell.backends.interpreter.graph import GraphInterpreter
from stepwell.dialects.numeric_rules import read_format
from stepwell.passes.base import PassContext
from stepwell.passes.graph.quantize import Quantize
from stepwell.support.fixed_point import Format
from stepwell.support.widths import signed_range

ROWS, SIZES, BITS = 3, (6, 10, 4), 32


def quantised(rounding: str) -> tuple[ir.Module, Any]:
    """A perceptron at the graph level in fixed point, and its weights."""
    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Linear(6, 10), torch.nn.ReLU(), torch.nn.Linear(10, 4))
    values = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    samples = [(torch.randn(ROWS, SIZES[0]),) for _ in range(4)]
    module = stepwell.lower(model, samples[0], target="cpu", to="graph")
    calibrate(module.operation, samples, values)
    with module.context:
        Quantize(rounding=rounding).run(module.operation, PassContext())
    return module, values


def integers(module: ir.Module, values: Any, x: torch.Tensor) -> list[tuple[str, Format, Array]]:
    """What every operation of the dialect gives for ``x``: its name, format and integers."""
    seen: list[tuple[str, Format, Array]] = []

    def observe(op: ir.Operation, results: list[Any]) -> None:
        kind = read_format(op.results[0].type) if op.name.startswith("numeric.") else None
        if kind is not None:
            seen.append((op.name.removeprefix("numeric."), kind, results[0]))

    GraphInterpreter(module, observe).run_entry([x], values)
    return seen


def layer(number: int, source: str, bits: int, sums: Format, output: Format | None, rounding: str) -> Linear:
    """The component of a layer: sums narrowed to ``output``, or as they are where there is none."""
    inner, outer = SIZES[number : number + 2]
    out_bits = BITS if output is None else output.width + (not output.signed)
    return Linear(
        name=f"linear{number}",
        sources=(source,),
        location="model.py:1:0",
        inputs=(Port("in", bits, 2, (ROWS, inner)),),
        outputs=(Port("out", out_bits, 2, (ROWS, outer)),),
        inner=inner,
        outer=outer,
        groups=1,
        lanes=1,
        unroll=(2, 2),
        weight=f"w{number}",
        weight_bits=8,
        weight_layout="kn",
        bias=f"b{number}",
        accumulator=sums.width,
        shift=0 if output is None else sums.frac - output.frac,
        rounding=rounding,
        clamp=signed_range(BITS) if output is None else output.range,
    )


@pytest.mark.parametrize("rounding", ["half-up", "half-even"])
def test_hardware_computes_the_interpreters_integers(rounding: str) -> None:
    module, values = quantised(rounding)
    x = [torch.randn(ROWS, SIZES[0]) * 2 for _ in range(5)]
    runs = [integers(module, values, frame) for frame in x]
    names = [name for name, _, _ in runs[0]]
    assert names == [
        "quantize",
        "quantize",
        "matmul",
        "quantize",
        "add",
        "cast",
        "quantize",
        "matmul",
        "quantize",
        "add",
    ]
    kinds = [kind for _, kind, _ in runs[0]]
    numbers = [[array for _, _, array in run] for run in runs]

    parameters = dict(zip(("w0", "b0", "w1", "b1"), (numbers[0][i] for i in (1, 3, 6, 8)), strict=True))
    first = layer(0, "x", 8, kinds[4], kinds[5], rounding)
    second = layer(1, "linear0", first.output.bits, kinds[9], None, rounding)
    ports = Port("x", 8, 2, (ROWS, SIZES[0])), Port("0", BITS, 2, (ROWS, SIZES[-1]))
    design = Design("stepwell_main", ports[:1], (first, second), (Sink("linear1", ports[1]),))
    files = {name: text.encode() for name, text in generate(design).items()}
    simulator = Simulator(design, files | design.memory_files(parameters))

    frames = {"x": np.stack([run[0] for run in numbers])}
    expected = np.stack([run[9] for run in numbers])
    for seed, (valid, ready) in enumerate([(100, 100), (60, 40)]):
        np.testing.assert_array_equal(simulator.run(frames, Traffic(valid, ready, seed)).outputs[0], expected)
    # The frames go beyond what was calibrated.
    assert any((run[5] == kinds[5].range[1]).any() for run in numbers)
