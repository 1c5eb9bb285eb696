"""Complex arguments, results, weights and states: pairs of real numbers at the boundary of an entry."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import stepwell
from stepwell.support.errors import InputError


class Model(nn.Module):
    """Applies a function with a weight, a buffer that is not saved, and a state."""

    def __init__(self, function: Callable[..., Any], kind: torch.dtype = torch.complex64) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.randn(4, dtype=kind))
        self.register_buffer("table", torch.randn(80, dtype=kind), persistent=False)
        self.register_buffer("state", torch.zeros(4, dtype=kind))

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(self, *args)


class Returned(nn.Module):
    """Gives the conjugate."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.conj()


def filtered(model: Any, x: torch.Tensor) -> torch.Tensor:
    product: torch.Tensor = x * model.weight + model.table[:4].conj()
    return product


def accumulated(model: Any, x: torch.Tensor) -> Any:
    model.state.add_(x[0])
    return model.state * x, x, torch.view_as_real(x)


def cpx(*shape: int, kind: torch.dtype = torch.complex64) -> torch.Tensor:
    return torch.randn(*shape, dtype=kind)


@pytest.mark.parametrize("kind", [torch.complex64, torch.complex128])
def test_views_are_what_they_stand_for(kind: torch.dtype) -> None:
    """Conjugated, negated and strided arguments."""
    model = Model(filtered, kind)
    program = stepwell.compile(model, (cpx(3, 4, kind=kind),))
    x = cpx(4, 3, kind=kind)
    for given in (x.mT, x.mH, torch.view_as_complex(torch.stack([x.conj().imag, x.real], -1)).mT, x.mT.flip(0)):
        torch.testing.assert_close(program(given), model(given).detach())


def test_a_negated_real_view() -> None:
    program = stepwell.compile(nn.Identity(), (torch.randn(1),))
    negated = cpx(1).conj().imag
    assert negated.is_neg()
    torch.testing.assert_close(stepwell.compile(nn.ReLU(), (torch.randn(1),))(negated), negated.relu())
    torch.testing.assert_close(program(negated), negated)


def test_dynamic_sizes_and_what_does_not_fit() -> None:
    batch = torch.export.Dim("batch")
    model = Model(filtered)
    program = stepwell.compile(model, (cpx(3, 4),), dynamic_shapes=(({0: batch},),))
    for size in (1, 7):
        x = cpx(size, 4)
        torch.testing.assert_close(program(x), model(x).detach())
    with pytest.raises(InputError, match=r"has dtype f32, compiled for complex<f32>"):
        program(torch.randn(7, 4))
    with pytest.raises(InputError, match=r"has shape \[7, 3\], compiled for \[\w+, 4\]"):
        program(cpx(7, 3))


def test_half_precision_is_refused() -> None:
    with pytest.raises(stepwell.Error, match="'x' is complex32, which is not taken"):
        stepwell.compile(Returned(), (torch.view_as_complex(torch.randn(3, 2).half()),))


def test_states_and_what_is_returned_as_it_came() -> None:
    model = Model(accumulated)
    program = stepwell.compile(model, (cpx(3, 4),))
    session = program.new_session()
    for _ in range(2):
        x = cpx(3, 4)
        torch.testing.assert_close(session(x), model(x))
    torch.testing.assert_close(session.state("state"), model.state)


def test_artifacts_and_other_weights(tmp_path: Path) -> None:
    model = Model(filtered)
    x = cpx(3, 4)
    stepwell.compile(model, (x,)).save(tmp_path / "a")
    loaded = stepwell.load(tmp_path / "a")
    torch.testing.assert_close(loaded(x), model(x).detach())
    assert "/* args_0: 3x4xcomplex<f32>, passed as 3x4x2xf32 */" in (tmp_path / "a" / "model.h").read_text()
    other = Model(filtered)
    other.table = model.table  # it is in no checkpoint
    loaded.rebind(other.state_dict())
    torch.testing.assert_close(loaded(x), other(x).detach())


@pytest.mark.slow
def test_a_run_of_the_command_line(tmp_path: Path) -> None:
    model = Model(filtered)
    x = cpx(3, 4)
    stepwell.compile(model, (x,)).save(tmp_path / "a")
    np.save(tmp_path / "x.npy", x.numpy())
    command = ["run", str(tmp_path / "a"), "--inputs", str(tmp_path / "x.npy"), "--output", str(tmp_path / "y.npz")]
    subprocess.run([sys.executable, "-m", "stepwell.driver.cli", *command], check=True)
    found = torch.from_numpy(np.load(tmp_path / "y.npz")["output_0"])
    torch.testing.assert_close(found, model(x).detach())


def test_verification() -> None:
    report = stepwell.verify(Model(accumulated), (cpx(3, 4),))
    assert report.reference == "float64" and report.first_pass is None


def test_the_interpreter() -> None:
    model, x = Model(filtered), cpx(3, 4)
    torch.testing.assert_close(stepwell.compile(model, (x,), target="interpreter")(x), model(x).detach())


def test_the_rest_beside_an_operator_that_is_refused() -> None:
    def roots(model: Any, x: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.linalg.eigvals((x @ x.mT + 1) * 2) * model.weight[:3] + x[:, 0]
        return values.abs()

    model, x = Model(roots), cpx(3, 4)
    with pytest.raises(stepwell.Error, match=r"aten.linalg_eig\w* "):
        stepwell.compile(model, (x,))
    program = stepwell.compile(model, (x,), fallback="torch")
    torch.testing.assert_close(program(x).sort().values, model(x).detach().sort().values, rtol=1e-4, atol=1e-4)
