"""Bad input is refused in our words, with the model's source line and a way out."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from stepwell.frontend.load import load_program
from stepwell.support.errors import ImportFailure, UsageError


class Branches(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x + 1
        return x - 1


class Loops(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(int(x[0].item())):
            x = x * 2
        return x


@pytest.mark.parametrize("model", [Branches(), Loops()])
def test_data_dependent_control_flow(model: nn.Module) -> None:
    with pytest.raises(ImportFailure, match="depends on the values of tensors") as caught:
        load_program(model, (torch.ones(3),))
    line = inspect.getsourcelines(type(model).forward)[1] + 1
    assert caught.value.where == f"test_refusals.py:{line}"
    assert "torch.cond" in (caught.value.hint or "")


class Writes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cache", torch.zeros(2, 6))

    def forward(self, x: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        self.cache[:, position] = x
        return self.cache.sum(1)


def test_a_tensor_as_a_python_index(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportFailure, match="depends on the values of tensors") as caught:
        load_program(Writes(), (torch.ones(2), torch.tensor(1)))
    assert "cache[:, position[None]]" in (caught.value.hint or "")
    assert capsys.readouterr() == ("", ""), "torch's own output is left out"
    load_program(Writes(), (torch.ones(2, 1), torch.tensor([1])))


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), None), ((torch.ones(2), torch.ones(2)), None), ((), {"y": torch.ones(2)})]
)
def test_arguments_that_do_not_fit(args: Any, kwargs: Any) -> None:
    with pytest.raises(ImportFailure, match=r"do not fit ReLU\.forward"):
        load_program(nn.ReLU(), args, kwargs)


class Misuses(nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        return x.sort(1, stable=True)


def test_a_wrong_call_inside_of_the_model_is_no_matter_of_its_arguments() -> None:
    with pytest.raises(ImportFailure, match=r"torch.export failed: sort\(\) received an invalid combination") as caught:
        load_program(Misuses(), (torch.ones(2, 2),))
    assert caught.value.where == f"test_refusals.py:{inspect.getsourcelines(Misuses.forward)[1] + 1}"


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ImportFailure, match=r"\[2, 5\] X \[3, 4\]"):
        load_program(nn.Linear(3, 4), (torch.ones(2, 5),))


def test_things_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"an nn\.Module, an ExportedProgram or a path, not function"):
        load_program(lambda x: x, (torch.ones(1),))
    with pytest.raises(UsageError, match="there is no file"):
        load_program(tmp_path / "none.pt2")
    wrong = tmp_path / "model.tflite"
    wrong.touch()
    with pytest.raises(UsageError, match=r"neither \.pt2, \.onnx nor \.mlir"):
        load_program(wrong)


def test_damaged_pt2(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(b"PK not an archive")
    with pytest.raises(ImportFailure, match=r"not a readable \.pt2 file"):
        load_program(path)


class Opaque:
    """A class that torch does not know as a tree."""

    def __init__(self, value: torch.Tensor) -> None:
        self.value = value


class ReturnsOpaque(nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        return Opaque(x)


def test_unknown_output_class() -> None:
    with pytest.raises(ImportFailure, match=r"returns a .*Opaque") as caught:
        load_program(ReturnsOpaque(), (torch.ones(1),))
    assert "register_dataclass" in (caught.value.hint or "")


def test_operator_with_side_effects_is_named() -> None:
    class Prints(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.ops.aten._print("here")
            return torch.linalg.inv(x)

    with pytest.raises(ImportFailure, match=r"side effects that can't be compiled: aten\._print"):
        load_program(Prints(), (torch.eye(40),))
