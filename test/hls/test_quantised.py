"""A float model for target ``hls``: quantised by samples, the same integers in numpy, the interpreter and Verilator."""

from __future__ import annotations

import itertools
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn

import stepwell
from stepwell.backends.hls import verilate
from stepwell.backends.hls.boundary import enter, leave
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.simulate import Traffic
from stepwell.driver.rebind import rebind_artifact

HALF_UP = 0.5


@dataclass(frozen=True)
class Case:
    """A perceptron of ``sizes`` on frames of ``rows`` rows, all numbers ``bits`` wide."""

    bits: int
    rows: int
    sizes: tuple[int, ...]
    bias: bool = True
    relu: bool = True
    options: str = ""

    def model(self) -> nn.Sequential:
        torch.manual_seed(self.bits)
        layers: list[nn.Module] = []
        for inner, outer in itertools.pairwise(self.sizes):
            layers += [nn.Linear(inner, outer, bias=self.bias), *([nn.ReLU()] if self.relu else [])]
        return nn.Sequential(*layers[: -1 if self.relu else None])

    def frames(self, seed: int, count: int, scale: float = 1.0) -> list[torch.Tensor]:
        random = torch.Generator().manual_seed(seed)
        return [torch.randn(self.rows, self.sizes[0], generator=random) * scale for _ in range(count)]


CASES = {
    "one-element": Case(8, 1, (1, 1)),
    "prime": Case(3, 3, (7, 13, 5)),
    "ragged": Case(12, 5, (6, 10, 3)),
    "three-layers": Case(8, 4, (8, 16, 8, 4)),
    "no-bias": Case(8, 2, (4, 8, 2), bias=False),
    "no-relu": Case(5, 2, (4, 6, 4), relu=False, options=",weight-bits=3,rounding=half-even"),
}


@dataclass
class Compiled:
    case: Case
    model: nn.Sequential
    samples: list[torch.Tensor]
    rtl: Any
    interpreter: Any


@pytest.fixture(scope="module", params=CASES)
def compiled(request: pytest.FixtureRequest) -> Compiled:
    case = CASES[request.param]
    model, samples = case.model(), case.frames(1, 4)
    calls = [(sample,) for sample in samples]
    target = f"hls,bits={case.bits}{case.options}"
    rtl, interpreter = (
        stepwell.compile(model, (samples[0],), target=name, calibration=calls)
        for name in (target, f"{target},simulator=interpreter")
    )
    return Compiled(case, model, samples, rtl, interpreter)


def fixed(values: Array, bits: int, ends: tuple[float, float]) -> tuple[int, int, int]:
    """The format that the page of ``quantize`` describes: fraction, lowest and highest integer."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if ends[0] < 0 else (0, (1 << bits) - 1)
    for frac in range(60, -60, -1):
        if low <= np.rint(ends[0] * 2.0**frac) and np.rint(ends[1] * 2.0**frac) <= high:
            return frac, low, high
    raise AssertionError("no format")


def near(values: Array, even: bool) -> Array:
    return np.rint(values) if even else np.floor(values + HALF_UP)


def numpy_model(c: Compiled, x: torch.Tensor) -> Array:
    """The network in float64 that holds integers: exact at these widths."""
    even = "half-even" in c.case.options
    weight_bits = 3 if "weight-bits=3" in c.case.options else c.case.bits

    def quantised(values: Array, bits: int, ends: tuple[float, float]) -> tuple[Array, int]:
        frac, low, high = fixed(values, bits, ends)
        scaled = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=1e30, neginf=-1e30) * 2.0**frac
        return np.clip(near(scaled, even), low, high), frac

    def ends(values: list[torch.Tensor]) -> tuple[float, float]:
        return min(float(v.min()) for v in values), max(float(v.max()) for v in values)

    seen = list(c.samples)
    integers, frac = quantised(x.numpy(), c.case.bits, ends(seen))
    layers = list(c.model)
    for i, layer in enumerate(layers):
        with torch.no_grad():
            seen = [layer(value) for value in seen]
        if isinstance(layer, nn.Linear):
            weight, weight_frac = quantised(layer.weight.detach().numpy(), weight_bits, ends([layer.weight.detach()]))
            integers, frac = integers @ weight.T, frac + weight_frac
            if layer.bias is not None:
                integers = integers + near(layer.bias.detach().double().numpy() * 2.0**frac, even)
        if isinstance(layer, nn.ReLU) or (i + 1 < len(layers) and isinstance(layers[i + 1], nn.Linear)):
            after, low, high = fixed(integers, c.case.bits, ends(seen))
            integers, frac = np.clip(near(integers * 2.0 ** (after - frac), even), low, high), after
    return (integers * 2.0**-frac).astype(np.float32)


def test_the_same_numbers_everywhere(compiled: Compiled) -> None:
    frames = [*compiled.samples, *compiled.case.frames(7, 2, scale=3.0)]
    frames[-1].view(-1)[:1] = float("inf")
    for x in frames:
        expected = numpy_model(compiled, x)
        got = compiled.rtl(x)
        assert got.dtype is torch.float32
        np.testing.assert_array_equal(got.numpy(), expected)
        np.testing.assert_array_equal(compiled.interpreter(x).numpy(), expected)


def test_nan_is_zero(compiled: Compiled) -> None:
    x = compiled.samples[0].clone()
    x[0, 0] = float("nan")
    zero = torch.nan_to_num(x)
    assert torch.equal(compiled.interpreter(x), compiled.interpreter(zero))


def test_frames_in_a_row_in_any_traffic(compiled: Compiled) -> None:
    frames = compiled.case.frames(3, 4)
    design, simulator = compiled.rtl.runnable.design, compiled.rtl.runnable.simulator
    (port,), (sink,) = design.inputs, design.outputs
    given = {port.name: np.stack([enter(frame.numpy(), port) for frame in frames])}
    for seed, (valid, ready) in enumerate([(100, 100), (60, 40), (30, 90)]):
        result = simulator.run(given, Traffic(valid, ready, seed))
        for frame, integers in zip(frames, result.outputs[0], strict=True):
            np.testing.assert_array_equal(leave(integers, sink.port), compiled.interpreter(frame).numpy())


def test_cycles_are_counted(compiled: Compiled) -> None:
    compiled.rtl(compiled.samples[0])
    components = len(compiled.rtl.runnable.design.components)
    assert compiled.rtl.facts["cycles_bound"] <= compiled.rtl.cycles
    assert compiled.rtl.cycles <= sum(c.cycles for c in compiled.rtl.runnable.design.components) + 5 * components


def test_lint_finds_nothing(compiled: Compiled) -> None:
    simulator = compiled.rtl.runnable.simulator
    assert verilate.lint(compiled.rtl.runnable.design.top, simulator.sources) == ""


def test_ports_are_whole_bytes_and_inner_streams_are_not(compiled: Compiled) -> None:
    (port,) = compiled.rtl.runnable.design.inputs
    assert port.floats.kind.width == compiled.case.bits
    top = compiled.rtl.code.files["stepwell_main.sv"].decode()
    assert re.search(rf"\[{8 * port.bytes - 1}:0\] +s_axis_input_tdata", top)


def test_the_report_says_by_what_it_was_quantised(compiled: Compiled) -> None:
    assert compiled.rtl.report.notes["calibration"] == {"samples": 4, "origin": "given"}
    assert "quantised by 4 samples" in compiled.rtl.report.table()


def perceptron() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 4)), torch.randn(6, 8)


def interpreted(model: nn.Module, x: torch.Tensor, options: str = "", **more: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return stepwell.compile(model, (x,), target=f"hls,simulator=interpreter{options}", **more)


@pytest.mark.parametrize(("bits", "most"), [(4, 0.5), (8, 0.03), (12, 0.002), (16, 0.0002)])
def test_more_bits_are_nearer_to_floats(bits: int, most: float) -> None:
    model, x = perceptron()
    wanted = model(x).detach()
    error = (interpreted(model, x, f",bits={bits}")(x) - wanted).abs().max() / wanted.abs().max()
    assert error < most


def test_example_arguments_are_the_default_and_that_is_said() -> None:
    model, x = perceptron()
    with pytest.warns(UserWarning, match="quantised by the example arguments alone"):
        function = stepwell.compile(model, (x,), target="hls,simulator=interpreter")
    assert str(function.target) == "hls,bits=8,simulator=interpreter"
    given = interpreted(model, x, calibration=[(x,)])
    assert torch.equal(function(x), given(x))


def test_keyword_samples() -> None:
    model, x = perceptron()
    by_name = interpreted(model, x, calibration=[{"input": x}])
    assert torch.equal(by_name(x), interpreted(model, x)(x))


def test_other_samples_make_other_formats() -> None:
    model, x = perceptron()
    wide = interpreted(model, x, calibration=[(100 * x,)])
    assert wide.runnable.design.inputs[0].floats.kind.frac < 0
    assert not torch.equal(wide(x), interpreted(model, x)(x))


def test_saved_hardware_gives_the_same_numbers(tmp_path: Path) -> None:
    model, x = perceptron()
    function = interpreted(model, x)
    function.save(tmp_path / "out")
    assert torch.equal(stepwell.load(tmp_path / "out")(x), function(x))


def test_hardware_takes_no_other_weights(tmp_path: Path) -> None:
    model, x = perceptron()
    interpreted(model, x).save(tmp_path / "out")
    weights = {name: 2 * value.numpy() for name, value in model.state_dict().items()}
    save_file(weights, tmp_path / "other.safetensors")
    with pytest.raises(stepwell.Error, match="the code depends on the old values of"):
        rebind_artifact(tmp_path / "out", tmp_path / "other.safetensors")


def test_same_files_every_time() -> None:
    model, x = perceptron()
    first, second = (interpreted(model, x) for _ in range(2))
    assert first.code.files == second.code.files


def test_two_inputs_are_added() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 4), nn.Linear(3, 4)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.first(x) + self.second(y))

    torch.manual_seed(1)
    model, args = Both(), (torch.randn(5, 6), 4 * torch.randn(5, 3))
    rtl, reference = (
        stepwell.compile(model, args, target=target, calibration=[args])
        for target in ("hls", "hls,simulator=interpreter")
    )
    wanted = model(*args).detach()
    assert torch.equal(rtl(*args), reference(*args))
    assert (rtl(*args) - wanted).abs().max() < 0.05 * wanted.abs().max()
    kinds = [component.kind for component in rtl.runnable.design.components]
    assert kinds.count("linear") == 2
    assert "add" in kinds
    assert verilate.lint(rtl.runnable.design.top, rtl.runnable.simulator.sources) == ""


def test_verify_reports_what_fixed_point_costs() -> None:
    model, x = perceptron()
    report = stepwell.verify(model, (x,), target="hls,bits=8")
    assert report.passed, report.table()
    rows = {row.stage: row for row in report.rows}
    assert rows["graph"].error < 1e-6
    assert 1e-4 < rows["fixed"].error < rows["fixed"].tolerance < 0.1
    assert [rows[stage].error for stage in ("hardware", "code")] == [0, 0]
    assert [rows[stage].tolerance for stage in ("hardware", "code")] == [0, 0]
    assert f"fixed point costs {rows['fixed'].error:.2e} of the largest result" in report.table()


def test_verify_finds_samples_that_do_not_fit() -> None:
    model, x = perceptron()
    report = stepwell.verify(model, (x,), target="hls,simulator=interpreter", calibration=[(0.01 * x,)])
    assert not report.passed
    assert report.first_pass is not None
    assert report.first_pass.startswith("quantize")


class Refused(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> Any:
        y = self.layer(x)
        if self.kind == "sin":
            return self.layer(torch.sin(y))  # the line that is named
        return self.layer.weight @ x


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("sin", "no hardware for: aten.sin (1, first at"),
        ("left", "a weight must be its second operand"),
    ],
)
def test_what_has_no_component_is_named(kind: str, what: str) -> None:
    with pytest.raises(stepwell.Error) as failure:
        interpreted(Refused(kind), torch.randn(4, 4))
    message = str(failure.value)
    assert type(failure.value).__name__ == "UnsupportedError"
    assert what in message
    assert "test_quantised.py:" in message


def test_the_line_is_that_of_the_operator() -> None:
    with pytest.raises(stepwell.Error) as failure:
        interpreted(Refused("sin"), torch.randn(4, 4))
    lines = Path(__file__).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "# the line that is named" in text)
    assert f"test_quantised.py:{line}:" in str(failure.value)


@pytest.mark.parametrize(
    ("calibration", "what"),
    [
        ([], "at least one sample"),
        ([torch.zeros(6, 8)], "a sample is the arguments of a call, not a Tensor"),
        ([(torch.zeros(6, 9),)], "argument 'input' has shape"),
        ([(torch.zeros(6, 8, dtype=torch.float64),)], "has dtype f64, compiled for f32"),
        ([(torch.full((6, 8), float("nan")),)], "calibrate on samples for which the model computes finite numbers"),
    ],
)
def test_samples_that_are_none(calibration: Any, what: str) -> None:
    model, x = perceptron()
    with pytest.raises(stepwell.Error, match=what.replace("(", r"\(")):
        interpreted(model, x, calibration=calibration)


def test_samples_for_a_target_that_does_not_quantise() -> None:
    model, x = perceptron()
    with pytest.raises(stepwell.Error, match=r"target 'cpu.*' does not quantise this model"):
        stepwell.compile(model, (x,), target="cpu", calibration=[(x,)])


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("bits=1", "a width from 2 to 32"),
        ("bits=many", "takes an integer"),
        ("weight-bits=40", "a width from 2 to 32"),
        ("rounding=nearest", "can't be 'nearest'"),
        ("parallelism=3x4", "3 does not divide 8"),
    ],
)
def test_wrong_options(options: str, what: str) -> None:
    model, x = perceptron()
    with pytest.raises(stepwell.Error, match=what):
        interpreted(model, x, f",{options}")


def test_wide_numbers_are_refused_before_they_overflow() -> None:
    model, x = perceptron()
    with pytest.raises(stepwell.Error, match="hardware has 64"):
        interpreted(model, x, ",bits=32")
