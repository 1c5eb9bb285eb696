"""A module of any level, written with its weights, is a model again."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import stepwell
from stepwell.support.errors import ImportFailure, UsageError


class Net(nn.Module):
    """Weights that are prepared, a state, and a buffer that is no weight of a checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.convolution = nn.Linear(4, 8), nn.Conv1d(1, 2, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("scale", torch.rand(1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.convolution(torch.relu(self.linear(x)).unsqueeze(1)).sum(1) * self.calls * self.scale


class Integer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randint(-128, 128, (4, 4), dtype=torch.int8))
        self.register_buffer("bias", torch.randint(-1000, 1000, (4,), dtype=torch.int32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.int32) @ self.weight.to(torch.int32).t() + self.bias


class Chain(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x) * 0.5 - 1.0


FLOATS, BYTES = (torch.randn(3, 4),), (torch.randint(-128, 128, (4, 4), dtype=torch.int8),)
SIMULATED = "hls,simulator=interpreter"


@pytest.mark.parametrize(
    ("model", "args", "target", "level"),
    [
        *((Net(), FLOATS, "cpu", level) for level in ("graph", "tensor", "buffer", "backend")),
        *((Integer(), BYTES, SIMULATED, level) for level in ("graph", "hardware")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_level_is_a_model(model: nn.Module, args: tuple[Any, ...], target: str, level: str, tmp_path: Path) -> None:
    file = tmp_path / f"{level}.mlir"
    stepwell.save_mlir(stepwell.lower(copy.deepcopy(model), args, to=level, target=target), file)
    (tmp_path / "elsewhere").mkdir()
    for path in list(tmp_path.glob("*.*")):
        path.rename(tmp_path / "elsewhere" / path.name)
    executable = stepwell.compile(tmp_path / "elsewhere" / file.name, target=target)
    expected = copy.deepcopy(model)
    for _ in range(2):
        torch.testing.assert_close(executable(*args), expected(*args).detach())


@pytest.mark.parametrize("level", ["graph", "tensor", "kernel", "backend"])
def test_kernels_from_a_file_are_the_same(level: str, tmp_path: Path) -> None:
    stepwell.save_mlir(stepwell.lower(Chain(), FLOATS, to=level, target="cuda"), tmp_path / "chain.mlir")
    whole, rest = (
        stepwell.compile(Chain(), FLOATS, target="cuda"),
        stepwell.compile(tmp_path / "chain.mlir", target="cuda"),
    )
    assert rest.code.files == whole.code.files
    assert rest.code.facts == whole.code.facts


def test_what_can_not_be_written(tmp_path: Path) -> None:
    module = stepwell.lower(Net(), FLOATS, to="graph")
    with pytest.raises(UsageError, match=r"does not end in \.mlir"):
        stepwell.save_mlir(module, tmp_path / "net.txt")
    with pytest.raises(UsageError, match=r"there is no value for 'state:calls'"):
        stepwell.save_mlir(module, tmp_path / "net.mlir", stepwell.ParameterStore())
    assert not list(tmp_path.iterdir())


def test_a_module_between_two_levels_is_refused(tmp_path: Path) -> None:
    stepwell.lower(Chain(), FLOATS, to="backend", dump_ir=tmp_path)
    halfway = next(tmp_path.glob("*-declare-entries.mlir"))
    with pytest.raises(UsageError, match="halfway between the buffer level and the backend") as caught:
        stepwell.compile(halfway)
    assert "first line of a dump" in (caught.value.hint or "")


def test_the_llvm_dialect_without_a_signature_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bare.mlir"
    file.write_text("llvm.func @main(%x: !llvm.ptr) { llvm.return }")
    with pytest.raises(ImportFailure, match="does not say what 'main' takes"):
        stepwell.compile(file)
