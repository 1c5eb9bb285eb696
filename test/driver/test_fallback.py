"""``fallback="torch"``: refused parts run in PyTorch, the rest is compiled, in one executable."""

import copy
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

import stepwell
from stepwell.driver.executable import Executable
from stepwell.support.errors import Error, ImportFailure, InputError, UnsupportedError, UsageError


class Mixed(nn.Module):
    """Products that compile around a factorisation and eigenvalues that don't, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.register_buffer("total", torch.zeros(6, 6))
        self.free = nn.Parameter(torch.randn(6, 3))

    def forward(self, x: torch.Tensor, *, scale: torch.Tensor) -> dict[str, Any]:
        h = torch.relu(self.first(x))
        q = r = torch.linalg.ldl_factor_ex(h.T @ h + torch.eye(6))[0]
        self.total.add_(q)
        spectrum = torch.linalg.eigvals(q).abs()
        return {"y": (self.second(q) + r, spectrum * scale), "total": self.total, "free": self.free.t(), "n": 3}


def compiled(model: nn.Module, *args: Any, **kwargs: Any) -> Executable:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return stepwell.compile(model, *args, fallback="torch", **kwargs)


def facts(f: Executable) -> dict[str, Any]:
    assert f.report is not None
    return f.report.notes["fallback"]


@pytest.fixture(scope="module", params=["cpu", "interpreter"])
def mixed(request: pytest.FixtureRequest) -> tuple[nn.Module, Executable]:
    model = Mixed().eval()
    shapes = {"x": {0: Dim("rows")}, "scale": None}
    args, kwargs = (torch.randn(5, 6),), {"scale": torch.tensor(2.0)}
    return model, compiled(model, args, kwargs, target=request.param, dynamic_shapes=shapes)


def test_results_states_and_dynamic_sizes(mixed: tuple[nn.Module, Executable]) -> None:
    model, f = copy.deepcopy(mixed[0]), mixed[1].new_session()
    for rows in (5, 2, 9):
        x, scale = torch.randn(rows, 6), torch.randn(())
        with torch.no_grad():
            expected = copy.deepcopy(model(x, scale=scale))
        torch.testing.assert_close(f(x, scale=scale), expected)
        torch.testing.assert_close(f.state("total"), model.total)
    assert not mixed[1].new_session().state("total").any()


def test_sessions_are_independent(mixed: tuple[nn.Module, Executable]) -> None:
    x, scale = torch.randn(5, 6), torch.tensor(1.0)
    f = mixed[1].new_session()
    f(x, scale=scale)
    other, before = f.clone(), f.state("total")
    other(x, scale=scale)
    torch.testing.assert_close(f.state("total"), before)
    assert not torch.equal(other.state("total"), before)
    f.reset()
    assert not f.state("total").any()


def test_results_can_be_written_into(mixed: tuple[nn.Module, Executable]) -> None:
    model, f = mixed[0], mixed[1].new_session()
    x, scale = torch.randn(5, 6), torch.tensor(1.0)
    given = f(x, scale=scale)
    before = f.state("total")
    given["total"].zero_()
    given["free"].zero_()
    torch.testing.assert_close(f.state("total"), before)
    torch.testing.assert_close(f(x, scale=scale)["free"], model.free.detach().t())


def test_arguments_are_checked(mixed: tuple[nn.Module, Executable]) -> None:
    with pytest.raises(InputError, match="compiled for"):
        mixed[1](torch.randn(5, 7), scale=torch.tensor(1.0))


def test_the_report_counts(mixed: tuple[nn.Module, Executable]) -> None:
    counted = facts(mixed[1])
    assert (counted["whole"], counted["compiled_regions"]) == (False, 2)
    rows = {row["operator"]: row for row in counted["operators"]}
    line = inspect.getsourcelines(Mixed.forward)[1]
    assert rows["aten.linalg_ldl_factor_ex"]["where"] == f"test_fallback.py:{line + 2}"
    assert (
        rows["aten.linalg_ldl_factor_ex"]["count"] == 1 and "does not lower" in rows["aten.linalg_ldl_factor_ex"]["why"]
    )
    assert rows["aten.linalg_eig"]["why"] in ("dtype complex<f32>", "complex numbers")
    assert not any("mm" in name or "relu" in name for name in rows)
    assert mixed[1].report is not None
    assert "aten.linalg_ldl_factor_ex (1), test_fallback.py" in mixed[1].report.table()


class Chain(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.ldl_factor_ex(x + 1)[0]


def test_the_warning_and_what_is_too_small() -> None:
    with pytest.warns(
        UserWarning, match=r"PyTorch runs 2 operators in 1 region, beside 0 compiled regions: .*ldl.* \(1, "
    ):
        f = stepwell.compile(Chain(), (torch.randn(3, 3),), fallback="torch")
    why = {row["operator"]: row["why"] for row in facts(f)["operators"]}
    assert why["aten.add.Tensor"] == "too small a part to be worth compiling"
    x = torch.randn(3, 3)
    torch.testing.assert_close(f(x), Chain()(x))


def test_what_compiles_has_no_fallback(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f = stepwell.compile(nn.Linear(3, 4), (torch.randn(2, 3),), fallback="torch")
    assert f.report is not None and "fallback" not in f.report.notes
    f.save(tmp_path / "artifact")


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor, sign: int = 1) -> torch.Tensor:
        self.calls.add_(1)
        return sign * x + self.calls if x.sum() > 0 else x - 1


def test_a_model_that_can_not_be_exported() -> None:
    model = Branches()
    with pytest.warns(UserWarning, match=r"PyTorch runs the whole model: Branches \(1, test_fallback.py:\d+\)"):
        f = stepwell.compile(model, (torch.ones(3),), fallback="torch")
    assert f.report is not None and "depends on the values of tensors" in f.report.table()
    first, second = f.new_session(), f.new_session()
    torch.testing.assert_close(first(torch.ones(3)), torch.full((3,), 2.0))
    torch.testing.assert_close(first(torch.ones(3), sign=2), torch.full((3,), 4.0))
    torch.testing.assert_close(second(-torch.ones(5)), torch.full((5,), -2.0))
    assert (first.state("calls"), second.state("calls"), model.calls) == (2, 1, 0)


class Writes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mul_(2).sum()


def test_a_model_that_writes_into_its_argument() -> None:
    x = torch.arange(4.0)
    f = compiled(Writes(), (x,))
    assert x.tolist() == [0, 1, 2, 3], "the example argument stays"
    assert f(x) == 12 and x.tolist() == [0, 2, 4, 6]


def test_an_exported_program_and_its_file(tmp_path: Path) -> None:
    x = torch.randn(4, 4)
    program = torch.export.export(Chain(), (x,))
    torch.export.save(program, tmp_path / "chain.pt2")
    for model in (program, tmp_path / "chain.pt2"):
        torch.testing.assert_close(compiled(model)(x), Chain()(x))


def test_weights_stay_what_they_were() -> None:
    model, x = Mixed().eval(), torch.randn(5, 6)
    f = compiled(model, (x,), {"scale": torch.tensor(1.0)})
    expected = copy.deepcopy(model)(x, scale=torch.tensor(1.0))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    torch.testing.assert_close(f(x, scale=torch.tensor(1.0)), expected)


@pytest.mark.parametrize("use", [lambda f: f.save("out"), lambda f: f.rebind({})])
def test_what_such_an_executable_can_not(use: Callable[[Executable], Any]) -> None:
    with pytest.raises(UsageError, match="an executable of which PyTorch runs a part can't"):
        use(compiled(Branches(), (torch.ones(3),)))


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (Chain(), {"fallback": "numpy"}, "there is no fallback 'numpy'"),
        (Chain(), {"fallback": "torch", "target": "hls"}, "target 'hls' has no fallback"),
        ({"main": (Chain(), (torch.ones(2, 2),))}, {"fallback": "torch"}, "takes an nn.Module, an ExportedProgram"),
        ("model.onnx", {"fallback": "torch"}, "takes an nn.Module, an ExportedProgram"),
    ],
)
def test_where_there_is_none(model: Any, options: dict[str, Any], message: str) -> None:
    args = (torch.ones(2, 2),) if isinstance(model, nn.Module) else ()
    with pytest.raises(UsageError, match=message):
        stepwell.compile(model, args, **options)


def test_what_pytorch_refuses_too_is_refused() -> None:
    with pytest.raises(ImportFailure, match="do not fit"):
        stepwell.compile(Branches(), (torch.ones(1), 1, 2), fallback="torch")


class Holds(Branches):
    def __init__(self) -> None:
        super().__init__()
        self.generator = (number for number in range(3))


def test_a_model_that_can_not_be_copied() -> None:
    with pytest.raises(ImportFailure, match="depends on the values of tensors") as caught:
        stepwell.compile(Holds(), (torch.ones(3),), fallback="torch")
    assert "the model can't be copied" in (caught.value.hint or "")


def test_verify_compares_all_regions_together() -> None:
    args, kwargs = (torch.randn(5, 6),), {"scale": torch.tensor(2.0)}
    report = stepwell.verify(Mixed().eval(), args, kwargs, fallback="torch")
    assert report.passed and [row.stage for row in report.rows] == ["regions"]
    assert "PyTorch runs 3 operators in 1 region" in report.table()
    with pytest.raises(UnsupportedError):
        stepwell.verify(Mixed().eval(), args, kwargs)


def test_verify_of_what_is_not_compiled() -> None:
    report = stepwell.verify(Branches(), (torch.ones(3),), fallback="torch")
    assert report.passed and report.rows == [] and "nothing was compiled that could be wrong" in report.table()


def test_without_it_refused_parts_refuse_the_model() -> None:
    with pytest.raises(UnsupportedError, match=r"aten\.linalg_ldl_factor_ex") as caught:
        stepwell.compile(Chain(), (torch.randn(3, 3),))
    assert "fallback='torch'" in (caught.value.hint or "")
    with pytest.raises(Error):
        stepwell.compile(Branches(), (torch.ones(3),))
