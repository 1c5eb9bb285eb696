"""The target ``hls`` through the driver: PyTorch model in, tensors and cycles out; every refusal by its message."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import stepwell
from stepwell.backends.hls import generate as generate_module
from stepwell.backends.hls.backend import HlsBackend
from stepwell.backends.target import Target
from stepwell.passes.base import PassContext
from stepwell.passes.hardware.bind_parameters import BindParameters
from stepwell.passes.hardware.linalg_to_stream import LinalgToStream
from stepwell.support.errors import CodegenError, PassError, ToolError, UsageError
from stepwell.support.parameters import ParameterStore

I32 = torch.int32


class IntegerModel(torch.nn.Module):
    """``function(x, weight, bias)`` with int8 weights of shape (inner, outer)."""

    def __init__(self, function: Callable[..., torch.Tensor], inner: int = 8, outer: int = 8, seed: int = 0) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        weight = torch.randint(-128, 128, (inner, outer), dtype=torch.int8, generator=random)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", torch.randint(-1000, 1000, (outer,), dtype=I32, generator=random))
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x, self.weight, self.bias)


def product(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.matmul(x.to(I32), weight.to(I32))


def requantised(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.clamp((product(x, weight, bias) + bias) >> 7, -128, 127).to(torch.int8)


def two_layers(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    hidden = torch.clamp((product(x, weight, bias) + bias) >> 8, 0, 127).to(torch.int8)
    return torch.nn.functional.linear(hidden.to(I32), weight.to(I32))


def random_rows(rows: int, columns: int = 8, seed: int = 1) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(-128, 128, (rows, columns), dtype=torch.int8, generator=random)


@pytest.fixture(scope="module")
def compiled() -> Any:
    model = IntegerModel(requantised)
    return model, stepwell.compile(model, (random_rows(5),), target="hls")


def test_rtl_gives_the_models_integers(compiled: Any) -> None:
    model, function = compiled
    for seed in range(5):
        x = random_rows(5, seed=seed)
        assert torch.equal(function(x), model(x))


def test_cycles_are_counted(compiled: Any) -> None:
    _, function = compiled
    function(random_rows(5))
    assert function.facts["cycles_bound"] == 5 * 8 * 8 // 16
    assert function.cycles <= function.facts["cycles_bound"] + 5
    assert function.facts["seconds"] == pytest.approx(function.cycles / 100e6)


def test_artifact_holds_the_design_and_runs_after_loading(compiled: Any, tmp_path: Path) -> None:
    model, function = compiled
    function.save(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"stepwell_main.sv", "linear0.sv", "linear0_weight.mem", "linear0_bias.mem", "files.f"} <= names
    x = random_rows(5, seed=9)
    assert torch.equal(stepwell.load(tmp_path / "out")(x), model(x))


def test_accumulator_fits_the_weights(compiled: Any) -> None:
    _, function = compiled
    bits = int(function.report.notes["bind-parameters"]["weight"].removesuffix(" bits"))
    assert 8 < bits < 20


@pytest.mark.parametrize("function", [product, requantised, two_layers])
@pytest.mark.parametrize("rows", [1, 5])
def test_interpreter_is_bit_exact(function: Callable[..., torch.Tensor], rows: int) -> None:
    model, x = IntegerModel(function), random_rows(rows)
    compiled = stepwell.compile(model, (x,), target="hls,simulator=interpreter,parallelism=2x2")
    assert torch.equal(compiled(x), model(x))


def test_two_layers_in_a_row_in_rtl() -> None:
    model, x = IntegerModel(two_layers), random_rows(8)
    compiled = stepwell.compile(model, (x,), target="hls")
    assert torch.equal(compiled(x), model(x))
    # The layers overlap: less than one after the other.
    assert compiled.cycles < 2 * compiled.facts["cycles_bound"]


def test_verify_runs_every_level_with_no_error() -> None:
    report = stepwell.verify(IntegerModel(product), (random_rows(2),), target="hls,simulator=interpreter")
    assert {row.level for row in report.rows} >= {"graph", "tensor", "hardware", "hls"}
    assert all(row.error == 0 for row in report.rows)


def test_same_files_every_time() -> None:
    model, x = IntegerModel(requantised), random_rows(2)
    first, second = (stepwell.compile(model, (x,), target="hls") for _ in range(2))
    assert first.code.files == second.code.files


def refuse(model: torch.nn.Module, x: torch.Tensor, target: str = "hls", **options: Any) -> str:
    with pytest.raises(stepwell.Error) as failure:
        stepwell.compile(model, (x,), target=target, **options)
    return f"{type(failure.value).__name__}: {failure.value}"


def test_wide_floats_are_refused_with_the_way_out() -> None:
    message = refuse(torch.nn.Linear(8, 8).double(), torch.zeros(2, 8).double())
    assert "UnsupportedError" in message
    assert "f64" in message
    assert "convert to f32" in message


def test_integers_are_not_quantised() -> None:
    message = refuse(IntegerModel(product), random_rows(2), "hls,bits=8")
    assert "UsageError" in message
    assert "this one takes integers" in message


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda x, w, b: product(x, w, b) // 3, "no pipeline for 'arith."),
        (lambda x, w, b: x, "computes nothing"),
    ],
)
def test_what_has_no_hardware_is_named(function: Any, what: str) -> None:
    message = refuse(IntegerModel(function), random_rows(8))
    assert "UnsupportedError" in message
    assert what in message


def test_dynamic_shapes_are_refused() -> None:
    message = refuse(IntegerModel(product), random_rows(4), dynamic_shapes=({0: torch.export.Dim("batch")},))
    assert "dynamic shape" in message


def test_parallelism_that_does_not_divide_names_what_does() -> None:
    message = refuse(IntegerModel(product, inner=7), random_rows(2, 7), "hls,parallelism=2x4")
    assert "2 does not divide 7" in message
    assert "factors for its inputs are 1, 7" in message


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("hls,parallelism=4", "write parallelism=4x4"),
        ("hls,parallelism=0x4", "two positive numbers"),
        ("hls,simulator=modelsim", "one of verilator, interpreter"),
        ("hls,clock=0", "'clock' of target 'hls' is a positive number"),
        ("hls,speed=9", "has no option 'speed'"),
    ],
)
def test_wrong_options(target: str, what: str) -> None:
    with pytest.raises(UsageError) as failure:
        HlsBackend().resolve(Target.parse(target))
    assert what in str(failure.value)


def test_missing_verilator_says_how_to_get_it(compiled: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, function = compiled
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as failure:
        function(random_rows(5))
    assert "apt-get install verilator" in str(failure.value)
    assert "simulator=interpreter" in str(failure.value)


def test_missing_circt_says_how_to_get_it(make_layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolError, match="CIRCT is not installed"):
        generate_module.generate(make_layer(1, 4, 4, 2, 2).design)


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("import os, sys; sys.stderr.write('x: Assertion `ok` failed.\\n'); sys.stderr.flush(); os.abort()", "signal"),
        ("raise SystemExit('error: bad circuit')", "refused the circuit: error: bad circuit"),
    ],
)
def test_circt_that_stops_is_one_clear_error(
    make_layer: Any, monkeypatch: pytest.MonkeyPatch, script: str, what: str
) -> None:
    monkeypatch.setattr(generate_module, "WORKER", (sys.executable, "-c", script))
    with pytest.raises(CodegenError) as failure:
        generate_module.generate(make_layer(1, 4, 4, 2, 2).design)
    assert what in str(failure.value)
    assert "model.py:1:0" in str(failure.value)
    if what == "signal":
        assert f"signal {int(signal.SIGABRT)}" in str(failure.value)
        assert "Assertion `ok` failed" in str(failure.value)


def stream_module(model: torch.nn.Module, x: torch.Tensor) -> Any:
    """The model at the hardware level, its weights not looked at yet."""
    module = stepwell.lower(model, (x,), target="hls", to="tensor")
    with module.context:
        LinalgToStream().run(module.operation, PassContext())
    return module


def bind(module: Any, weight: Any, **options: bool) -> str:
    """The module's text after bind-parameters with ``weight``."""
    store = ParameterStore()
    store.add("weight", lambda: weight)
    context = PassContext(parameters=store)
    with module.context:
        BindParameters(**options).run(module.operation, context)
    assert context.values_read == {"weight"}
    return str(module)


def test_weights_of_another_model_are_refused() -> None:
    module = stream_module(IntegerModel(product), random_rows(2))
    with pytest.raises(PassError, match=r"parameter 'weight' is int8 of shape \[4, 4\]"):
        bind(module, np.zeros((4, 4), np.int8))


def test_accumulator_narrows_to_small_weights_unless_told_not_to() -> None:
    module = stream_module(IntegerModel(product), random_rows(2))
    small = np.full((8, 8), 3, np.int8)
    assert "accumulator = 19" in bind(module, small, narrow=False)
    assert "accumulator = 13" in bind(module, small)


def test_beats_between_layers_need_not_fit() -> None:
    model, x = IntegerModel(two_layers), random_rows(6)
    compiled = stepwell.compile(model, (x,), target="hls,parallelism=2x4")
    kinds = [component.kind for component in compiled.runnable.design.components]
    assert [kind for kind in kinds if kind != "fifo"] == ["linear", "resize", "linear"]
    assert torch.equal(compiled(x), model(x))


def test_values_read_twice() -> None:
    def both(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> Any:
        hidden = requantised(x, weight, bias)
        return hidden, torch.matmul(x.to(I32), weight.to(I32).t()), product(hidden, weight, bias)

    model, x = IntegerModel(both), random_rows(5)
    compiled = stepwell.compile(model, (x,), target="hls")
    assert [component.kind for component in compiled.runnable.design.components].count("fork") == 2
    assert all(torch.equal(got, wanted) for got, wanted in zip(compiled(x), model(x), strict=True))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w, b: product(x, w, b) * 3,
        lambda x, w, b: product(x, w, b) + 1,
        lambda x, w, b: torch.matmul(x.to(I32), x.to(I32).t()),
        lambda x, w, b: (product(x, w, b) >> 2).clamp(0, 9) + b,
    ],
)
def test_what_no_component_computes_becomes_loops(function: Any) -> None:
    model, x = IntegerModel(function), random_rows(8)
    compiled = stepwell.compile(model, (x,), target="hls,simulator=interpreter")
    reasons = compiled.report.notes["linalg-to-stream"].values()
    assert reasons
    assert all("no component" in why for why in reasons)
    assert torch.equal(compiled(x), model(x))
