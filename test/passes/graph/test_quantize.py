"""quantize on whole models: calibrated, run by the interpreter, against integers computed another way."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

import stepwell
from stepwell.backends.interpreter.calibrate import calibrate
from stepwell.backends.interpreter.graph import GraphInterpreter
from stepwell.passes.base import PassContext
from stepwell.passes.graph.quantization.quantizer import format_of
from stepwell.passes.graph.quantize import Quantize
from stepwell.passes.graph.value_ranges import read_ranges
from stepwell.support.errors import PassError, UsageError
from stepwell.support.fixed_point import Format


def perceptron(sizes: Sequence[int], seed: int = 0) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    layers: list[torch.nn.Module] = []
    for inner, outer in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(inner, outer), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def values(model: torch.nn.Module) -> dict[str, Any]:
    return {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}


def quantised(model: torch.nn.Module, samples: Sequence[torch.Tensor], **options: Any) -> Any:
    """The model at the graph level, calibrated and quantised."""
    module = stepwell.lower(model, (samples[0],), target="cpu", to="graph")
    calibrate(module.operation, [(sample,) for sample in samples], values(model))
    with module.context:
        Quantize(**options).run(module.operation, PassContext())
        module.operation.verify()
    return module


def run(module: Any, model: torch.nn.Module, x: torch.Tensor) -> Any:
    return GraphInterpreter(module).run_entry([x], values(model))[0].numpy()


def nearest(x: Any, kind: Format) -> Any:
    """Rounded half up and saturated, in float64: exact at these widths."""
    low, high = kind.range
    return np.clip(np.floor(np.asarray(x, np.float64) * 2.0**kind.frac + 0.5), low, high).astype(np.int64)


def expected(model: torch.nn.Sequential, samples: Sequence[torch.Tensor], x: torch.Tensor, bits: int) -> Any:
    """The rule by hand: formats from the ranges, sums in 64 bits, saturation for relu."""
    kind = format_of(ends([sample.numpy() for sample in samples]), bits)
    numbers, floats = nearest(x, kind), list(samples)
    result = None
    for layer in model:
        floats = [layer(value).detach() for value in floats]
        if isinstance(layer, torch.nn.Linear):
            weight = layer.weight.detach().numpy().T
            of_weight = format_of(ends([weight]), bits)
            frac = kind.frac + of_weight.frac
            bias = np.floor(layer.bias.detach().numpy().astype(np.float64) * 2.0**frac + 0.5).astype(np.int64)
            numbers = numbers @ nearest(weight, of_weight) + bias
            result = numbers * 2.0**-frac
        else:
            kind = format_of(ends([value.numpy() for value in floats]), bits)
            numbers = nearest(result, kind)
    return result


def ends(arrays: Sequence[Any]) -> tuple[float, float]:
    return float(min(a.min() for a in arrays)), float(max(a.max() for a in arrays))


@pytest.mark.parametrize("sizes", [(1, 1), (7, 3), (8, 6, 4), (5, 11, 13, 2)])
@pytest.mark.parametrize("bits", [3, 8, 12])
def test_numbers_are_those_of_the_rule(sizes: tuple[int, ...], bits: int) -> None:
    model, samples = perceptron(sizes), [torch.randn(5, sizes[0]) for _ in range(3)]
    module = quantised(model, samples, bits=bits, weight_bits=bits)
    # Beyond what was calibrated: values saturate.
    for x in (samples[0], torch.randn(5, sizes[0]) * 4, torch.zeros(5, sizes[0])):
        np.testing.assert_array_equal(run(module, model, x), expected(model, samples, x, bits).astype(np.float32))


def test_error_falls_with_the_width() -> None:
    model, samples = perceptron((16, 32, 4)), [torch.randn(64, 16) for _ in range(3)]
    exact = model(samples[1]).detach().numpy()
    errors = [
        np.abs(run(quantised(model, samples, bits=bits, weight_bits=bits), model, samples[1]) - exact).max()
        for bits in (4, 8, 12, 16)
    ]
    assert errors[0] > 4 * errors[1] > 16 * errors[2]
    assert errors[1] < 0.05 * np.abs(exact).max()
    assert errors[3] < 1e-3 * np.abs(exact).max()


def test_nothing_of_the_layers_is_left_in_floats() -> None:
    model, samples = perceptron((8, 6, 4)), [torch.randn(2, 8)]
    text = str(quantised(model, samples))
    assert "aten.mm" not in text
    assert "aten.add" not in text
    assert "aten.relu" not in text
    assert text.count('"numeric.matmul"') == 2
    # One for the input, two for each layer's weights; the output is dequantised.
    assert text.count('"numeric.quantize"') == 5
    assert text.count('"numeric.dequantize"') == 1


def test_operators_without_a_format_keep_their_floats() -> None:
    class Mixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = torch.nn.Linear(6, 6), torch.nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden: torch.Tensor = self.second(torch.sin(self.first(x)))
            return hidden

    torch.manual_seed(1)
    model, samples = Mixed(), [torch.randn(4, 6)]
    module = quantised(model, samples)
    assert "torch.aten.sin" in str(module)
    assert np.abs(run(module, model, samples[0]) - model(samples[0]).detach().numpy()).max() < 0.05


def test_calibration_sees_the_widest_of_all_samples() -> None:
    model = perceptron((3, 2))
    module = stepwell.lower(model, (torch.zeros(1, 3),), target="cpu", to="graph")
    samples = [(torch.tensor([[0.0, 1.0, 2.0]]),), (torch.tensor([[-5.0, 0.0, 0.5]]),)]
    calibrate(module.operation, samples, values(model))
    function = GraphInterpreter(module).function("main")
    ranges = read_ranges(function)
    assert ranges[function.regions[0].blocks[0].arguments[0]] == (-5.0, 2.0)
    weight = values(model)["0.weight"]
    assert ranges[function.regions[0].blocks[0].arguments[1]] == (weight.min(), weight.max())


def test_calibration_without_samples_is_refused() -> None:
    model = perceptron((3, 2))
    module = stepwell.lower(model, (torch.zeros(1, 3),), target="cpu", to="graph")
    with pytest.raises(UsageError, match="at least one sample"):
        calibrate(module.operation, [], values(model))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_no_format_holds_are_refused(value: float) -> None:
    model, sample = perceptron((3, 2)), torch.zeros(2, 3)
    sample[1, 1] = value
    with pytest.raises(PassError, match="calibration saw values"):
        quantised(model, [torch.zeros(2, 3), sample, torch.ones(2, 3)])


@pytest.mark.parametrize(
    ("options", "what"),
    [({"bits": 1}, "width from 2 to 32"), ({"weight_bits": 40}, "weight-bits"), ({"rounding": "up"}, "half-even")],
)
def test_wrong_options(options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        Quantize(**options)


@pytest.mark.parametrize(
    ("ends_", "width", "kind"),
    [
        ((-1.0, 0.9), 8, Format(8, 7)),  # -1 is the lowest number
        ((-1.0, 1.0), 8, Format(8, 6)),
        ((0.0, 1.0), 8, Format(8, 7, signed=False)),
        ((0.0, 0.999), 8, Format(8, 7, signed=False)),  # 255.7 would round to 256
        ((0.0, 0.99), 8, Format(8, 8, signed=False)),
        ((-300.0, 5.0), 8, Format(8, -2)),
        ((0.0, 0.0), 8, Format(8, 0, signed=False)),
        ((-1e-30, 0.0), 4, Format(4, 102)),
    ],
)
def test_format_of_a_range(ends_: tuple[float, float], width: int, kind: Format) -> None:
    assert format_of(ends_, width) == kind
