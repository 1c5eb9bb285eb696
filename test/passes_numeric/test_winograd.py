"""3x3 convolutions by Winograd's products against PyTorch in float64, and that only ``fp=fast`` has them."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.export import Dim

import stepwell
from stepwell.backends.llvm.runnable import CpuRunnable

#: Relative to the largest result. Adding up directly stays below 3e-6 here; sums of differences round more.
_BOUND = 5e-5


def layer(depth: int, channels: int, padding: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(depth, channels, 3, padding=padding), nn.ReLU()).eval()


def rewritten(executable: stepwell.Executable) -> int:
    assert executable.report is not None
    return int(executable.report.notes.get("winograd-convolutions", {"rewritten": 0})["rewritten"])


def deviation(model: nn.Module, executable: stepwell.Executable, x: torch.Tensor) -> float:
    right = model.double()(x.double()).detach()
    model.float()
    result = executable(x)
    assert result.shape == right.shape
    return float((result.double() - right).abs().max() / right.abs().max()) if right.numel() else 0.0


@pytest.mark.parametrize(
    ("depth", "channels", "height", "width", "padding"),
    [
        (64, 64, 56, 56, 1),  # blocks of tile rows
        (256, 256, 14, 14, 1),  # all at once, ragged
        (32, 48, 30, 21, 1),  # a panel of one vector
        (64, 32, 35, 9, 0),  # not padded
        (16, 16, 17, 64, 2),  # padded by more
    ],
)
@pytest.mark.parametrize("cpu", ["host", "x86-64-v3"])
def test_static(depth: int, channels: int, height: int, width: int, padding: int, cpu: str) -> None:
    torch.manual_seed(depth + height)
    model = layer(depth, channels, padding)
    x = torch.randn(2, depth, height, width)
    executable = stepwell.compile(model, (x,), target=f"cpu,fp=fast,cpu={cpu}")
    assert rewritten(executable) == 1
    assert deviation(model, executable, x) < _BOUND


def test_dynamic_batch_and_threads() -> None:
    model = layer(128, 128)
    x = torch.randn(3, 128, 28, 28)
    batch = Dim("batch", min=0, max=8)
    executable = stepwell.compile(model, (x,), dynamic_shapes=({0: batch},), target="cpu,fp=fast")
    assert rewritten(executable) == 1
    for count in (0, 1, 2, 5):
        assert deviation(model, executable, torch.randn(count, 128, 28, 28)) < _BOUND
    results = []
    assert isinstance(executable.runnable, CpuRunnable)
    for threads in (1, 2, 3):
        executable.runnable.set_threads(threads)
        results.append(executable(x))
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


def test_levels_agree() -> None:
    """Every level of a small network computes the same."""
    model = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()).eval()
    program = torch.export.export(model, (torch.randn(1, 16, 24, 24),))
    report = stepwell.verify(program, target="cpu,fp=fast,cpu=x86-64-v3")
    assert report.passed, report.table()


@pytest.mark.parametrize("options", [{"stride": 2}, {"dilation": 2}, {"groups": 2}, {"kernel_size": 5}])
def test_left_alone(options: dict[str, int]) -> None:
    model = nn.Conv2d(64, 64, **({"kernel_size": 3} | options)).eval()
    x = torch.randn(1, 64, 40, 40)
    executable = stepwell.compile(model, (x,), target="cpu,fp=fast")
    assert rewritten(executable) == 0
    assert deviation(model, executable, x) < 5e-6


@pytest.mark.parametrize("fp", ["contract", "strict"])
def test_not_unless_asked_for(fp: str) -> None:
    model = layer(64, 64)
    x = torch.randn(1, 64, 56, 56)
    x[0, 3, 20, 20] = float("inf")
    executable = stepwell.compile(model, (x,), target=f"cpu,fp={fp}")
    assert rewritten(executable) == 0
    assert torch.equal(executable(x).isnan(), model(x).isnan())


def test_narrow_channels_are_left_alone() -> None:
    model = layer(12, 20)
    x = torch.randn(1, 12, 40, 40)
    executable = stepwell.compile(model, (x,), target="cpu,fp=fast")
    assert rewritten(executable) == 0 and deviation(model, executable, x) < 5e-6
