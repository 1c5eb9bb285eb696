"""What verify compares: states, dtypes, sizes, structures; what it reports; files at any level."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

import stepwell
from stepwell.driver.verification import evaluate
from stepwell.driver.verification.reference import Reference, errors_of
from stepwell.frontend.program import parameters_of
from stepwell.support import parameter_file

INTERPRETER = "interpreter"


class Scale(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 + 1


class Counter(nn.Module):
    """The first call gives the same with and without a lost update of the state; the second does not."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = x + self.count
        self.count.add_(1)
        return result


class Structured(nn.Module):
    def forward(self, x: torch.Tensor, pair: tuple[torch.Tensor, torch.Tensor]) -> dict[str, Any]:
        return {"sum": x + pair[0], "rest": (x > pair[1], x.argmax())}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.uint8])
def test_dtypes(dtype: torch.dtype) -> None:
    x = torch.tensor([1, 2, 120]).to(dtype)
    report = stepwell.verify(Scale(), (x,), target=INTERPRETER)
    assert report.passed, report.table()


def test_bool_results() -> None:
    class Positive(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return ~(x > 0)

    report = stepwell.verify(Positive(), (torch.tensor([1.0, -1.0]),), target=INTERPRETER)
    assert report.passed and report.rows[-1].error == 0.0, report.table()


def test_structures_and_keyword_arguments() -> None:
    x = torch.tensor([1.0, 3.0, 2.0])
    report = stepwell.verify(Structured(), (x,), {"pair": (x, x * 0.5)}, target=INTERPRETER)
    assert report.passed, report.table()


def test_dynamic_sizes() -> None:
    report = stepwell.verify(Scale(), (torch.randn(3, 2),), target=INTERPRETER, dynamic_shapes=({0: Dim("rows")},))
    assert report.passed, report.table()


def test_states_are_compared_after_two_calls() -> None:
    model = Counter()
    report = stepwell.verify(model, (torch.zeros(2),))
    assert report.passed, report.table()
    assert torch.equal(model.count, torch.zeros(2)), "the model's own state stays"


def test_lost_state_is_found() -> None:
    pipeline = stepwell.pipeline(INTERPRETER)
    pipeline.insert_after("simplify", _LoseState())
    report = stepwell.verify(Counter(), (torch.zeros(2),), target=INTERPRETER, pipeline=pipeline)
    assert report.first_pass == "lose-state", report.table()


def _LoseState() -> Any:
    from dataclasses import dataclass
    from typing import ClassVar

    from torch_mlir import ir

    from stepwell.passes.base import Pass, PassContext

    @dataclass
    class LoseState(Pass):
        """Return the state as it came."""

        name: ClassVar[str] = "lose-state"
        summary: ClassVar[str] = "for the test"

        def run(self, op: ir.Operation, context: PassContext) -> None:
            block = op.regions[0].blocks[0].operations[0].regions[0].blocks[0]
            list(block.operations)[-1].operation.operands[1] = block.arguments[1]

    return LoseState()


def test_exported_programs_compare_with_float64() -> None:
    program = torch.export.export(Scale(), (torch.randn(2),))
    report = stepwell.verify(program, (torch.randn(2),), target=INTERPRETER)
    assert report.passed and report.reference == "float64"


def test_overflow_of_the_model_itself_is_no_fault_of_a_pass() -> None:
    report = stepwell.verify(Scale(), (torch.tensor([60000.0]).half(),), target=INTERPRETER)
    assert report.passed and report.reference == "eager", report.table()


def test_first_operation_is_named_with_its_line(model_file: Callable[[str], Path]) -> None:
    from mistakes import plant, swap

    pipeline = stepwell.pipeline("cpu")
    plant(pipeline, "check-shapes", swap("math.tanh", "math.exp"))
    report = stepwell.verify(model_file("dense"), pipeline=pipeline)
    assert report.first_operation is not None
    assert report.first_operation.startswith("linalg.generic at conftest.py:")


@pytest.mark.parametrize("level", ["graph", "tensor", "buffer"])
def test_files_of_any_level(level: str, model_file: Callable[[str], Path], tmp_path: Path) -> None:
    source = model_file("dense")
    file = tmp_path / "model.mlir"
    module = stepwell.lower(source, to=level)
    file.write_text(module.operation.get_asm(enable_debug_info=True))
    parameters = parameters_of(module)
    assert parameters is not None
    layout = parameter_file.aligned_layout(parameters, dict.fromkeys(parameters))
    parameter_file.write(tmp_path / "model.safetensors", parameters, layout)
    report = stepwell.verify(file)
    assert report.passed and report.reference == "first level", report.table()
    assert report.rows[-1].stage == "code"


def test_bytes_with_numbers() -> None:
    """Upstream's lowering of these crashes: they are done in 32 bits."""

    class Bytes(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return x * 200, x * x - 3, x % 3, x // 2

    for dtype in (torch.uint8, torch.int8):
        report = stepwell.verify(Bytes(), (torch.tensor([1, 2, 120, 7]).to(dtype),), target=INTERPRETER)
        assert report.passed, report.table()


def test_large_programs_run_at_o0(model_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "_STEP_LIMIT", 0)
    for model in ("dense", "convolution", "indexed", "checked"):
        report = stepwell.verify(model_file(model))
        assert report.passed, report.table()
        assert {row.how for row in report.rows} == {"torch", "O0", "cpu"} - ({"torch"} if model == "checked" else set())


def test_report_as_data_and_table(model_file: Callable[[str], Path]) -> None:
    report = stepwell.verify(model_file("dense"), target=INTERPRETER)
    data = report.to_json()
    assert data["passed"] and [row["stage"] for row in data["rows"]] == ["import", "graph", "tensor", "prepare", "code"]
    assert "verified" in report.table()


def test_error_is_infinite_where_values_must_be_exact() -> None:
    import numpy as np

    inf, nan = float("inf"), np.array([np.nan])
    assert errors_of([np.array([1, 2]), nan, nan], [np.array([1, 3]), np.array([1.0]), nan]) == [inf, inf, 0.0]
    assert errors_of([np.zeros(2)], [np.zeros(3)]) == [inf]


def test_every_result_has_its_own_tolerance() -> None:
    """The mean of something normalised is 0 but for rounding: no excuse for the other results."""
    import numpy as np

    reference = Reference([np.array([1.0]), np.array([1e-17])], "float64", [1e-7, 1e9])
    assert reference.compare([np.array([1.0]), np.array([2e-7])], 1e-4).within, "noise may differ from noise"
    assert not reference.compare([np.array([1.0]), np.array([0.1])], 1e-4).within
    wrong = reference.compare([np.array([1.5]), np.array([1e-8])], 1e-4)
    assert (wrong.error, wrong.tolerance, wrong.within) == (0.5, 1e-4, False)
    assert not Reference([np.array([1])], "eager").compare([np.array([2])], 0.0).within


def test_program_without_main_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.mlir"
    file.write_text("func.func @other(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }")
    with pytest.raises(stepwell.Error, match="verify runs the entry 'main', the program has other"):
        stepwell.verify(file)
