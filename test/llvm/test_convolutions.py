"""Convolutions and pooling on the CPU against PyTorch in float64: every kind, ragged sizes, what follows them."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

import stepwell


class Several(nn.Module):
    """Several modules on one input, so that one compilation serves them all."""

    def __init__(self, modules: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [part(x) for part in self.parts]


class Gate(nn.Module):
    """Squeeze and excitation, a residual and an activation around a padded convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.squeeze = nn.Conv2d(channels, 3, 1)
        self.excite = nn.Conv2d(3, channels, 1)
        self.last = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm.running_mean += torch.linspace(-1, 1, channels)
        self.norm.running_var *= torch.linspace(0.5, 2, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.hardswish(self.norm(self.first(x)))
        scale = self.excite(torch.relu(self.squeeze(y.mean((2, 3), keepdim=True))))
        return torch.relu(self.last(y * torch.sigmoid(scale)) + x) + y


class Block(nn.Module):
    """A block as in ConvNeXt: depthwise, then layers over the last dimension, then back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.grow = nn.Linear(channels, 2 * channels)
        self.shrink = nn.Linear(2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.shrink(nn.functional.gelu(self.grow(y))).permute(0, 3, 1, 2)


class Sliced(nn.Module):
    """A product of one pixel over some of the channels, whose image is a view."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x[:, 1:])


class Cropped(nn.Module):
    """Convolutions of a view whose rows do not follow each other, added to it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.layer = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x[:, :, :, 2:]
        return torch.relu(self.depthwise(y) + y) - torch.relu(self.layer(y) + y)


def conv(channels: int, out: int, kernel: int, **options: int) -> nn.Module:
    return nn.Conv2d(channels, out, kernel, **options)


CASES: dict[str, tuple[Callable[[], list[nn.Module]], tuple[int, ...]]] = {
    "windows": (lambda: [conv(10, 20, k, padding=k // 2) for k in (1, 3, 5, 7)], (1, 10, 9, 11)),
    "strides": (lambda: [conv(3, 24, k, stride=2, padding=k // 2) for k in (1, 3, 7)], (2, 3, 15, 14)),
    "dilation": (lambda: [conv(8, 17, 3, dilation=d, padding=d) for d in (2, 3)], (1, 8, 13, 10)),
    "ragged channels": (lambda: [conv(17, f, 3, padding=1) for f in (1, 3, 10, 17, 40, 72)], (1, 17, 5, 6)),
    "one pixel": (lambda: [conv(33, 70, 1), conv(33, 5, 1, padding=1), conv(33, 40, 3, padding=1)], (2, 33, 1, 1)),
    "depthwise": (
        lambda: [conv(19, 19, k, groups=19, stride=s, padding=k // 2) for k, s in ((3, 1), (3, 2), (5, 1), (7, 2))]
        + [conv(19, 19, 3, groups=19, dilation=2, padding=2, bias=False)],
        (2, 19, 12, 9),
    ),
    "depthwise, alone": (
        lambda: [
            nn.Sequential(nn.Conv2d(3, 3, k, groups=3, stride=s, padding=p, dilation=d), nn.Hardswish())
            for k, s, p, d in (
                (3, 1, 1, 1), (5, 2, 2, 1), (7, 1, 3, 1), (2, 4, 1, 1), (3, 3, 1, 1), (5, 2, 7, 3),
                (3, (2, 1), (0, 1), 1),
            )
        ],
        (2, 3, 17, 21),
    ),
    "depthwise, large": (
        lambda: [conv(2, 2, 3, groups=2, padding=1), conv(2, 2, 3, groups=2, stride=2)],
        (1, 2, 70, 150),
    ),
    "depthwise, one pixel": (lambda: [conv(2, 2, k, groups=2, padding=k // 2) for k in (1, 3)], (2, 2, 1, 1)),
    "pointwise, alone": (
        lambda: [
            conv(7, 5, 1), nn.Sequential(nn.Conv2d(7, 1, 1, bias=False), nn.Hardswish()), Sliced(6), Cropped(7),
            nn.Sequential(conv(7, 70, 1), nn.Sigmoid()),
        ],
        (2, 7, 13, 15),
    ),
    "grouped": (
        lambda: [conv(12, 24, 3, groups=3, padding=1), conv(12, 8, 1, groups=4), conv(12, 24, 3, groups=12)],
        (2, 12, 7, 6),
    ),
    "grouped, several blocks": (
        lambda: [conv(14, 2 * f, 3, groups=2, padding=1, stride=s) for f, s in ((64, 1), (67, 2), (96, 1), (5, 2))],
        (1, 14, 6, 9),
    ),
    "pooling": (
        lambda: [
            nn.Sequential(conv(10, 20, 1), pool)
            for pool in (
                nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2), nn.MaxPool2d(3, 1, 1, dilation=2), nn.AvgPool2d(2),
                nn.AvgPool2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1),
            )
        ],
        (2, 10, 9, 8),
    ),
    "gate": (lambda: [Gate(20)], (2, 20, 8, 7)),
    "block": (lambda: [Block(20)], (2, 20, 9, 8)),
    "flattened": (
        lambda: [nn.Sequential(conv(6, 12, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12 * 9, 5))],
        (2, 6, 8, 8),
    ),
    "transposed": (lambda: [nn.Sequential(conv(6, 8, 3), nn.ConvTranspose2d(8, 10, 3, stride=2))], (2, 6, 8, 7)),
    "no padding left": (
        lambda: [conv(5, 16, 3), nn.Sequential(conv(5, 16, 3), nn.ReLU(), conv(16, 8, 3))],
        (1, 5, 5, 5),
    ),
}  # fmt: skip


def check(model: nn.Module, x: torch.Tensor, compiled: Callable[..., object], bound: float = 5e-6) -> None:
    expected = copy.deepcopy(model).double()(x.double())
    for mine, right in zip(compiled(x), expected, strict=True):  # type: ignore[call-overload]
        assert mine.shape == right.shape
        scale = right.abs().max().clamp(min=1.0) if right.numel() else torch.tensor(1.0)
        torch.testing.assert_close(mine.double() / scale, right / scale, atol=bound, rtol=0)


@pytest.mark.parametrize("name", CASES)
def test_against_float64(name: str) -> None:
    torch.manual_seed(0)
    make, shape = CASES[name]
    model, x = Several(make()).eval(), torch.randn(shape)
    check(model, torch.randn(shape), stepwell.compile(model, (x,), target="cpu"))


@pytest.mark.parametrize("name", ["windows", "depthwise", "depthwise, alone", "pointwise, alone", "pooling", "gate"])
def test_dynamic_batch(name: str) -> None:
    torch.manual_seed(0)
    make, shape = CASES[name]
    model, x = Several(make()).eval(), torch.randn(2, *shape[1:])
    shapes = {"x": {0: torch.export.Dim("batch", max=16)}}
    compiled = stepwell.compile(model, (x,), target="cpu", dynamic_shapes=shapes)
    for batch in (0, 1, 5):
        check(model, torch.randn(batch, *shape[1:]), compiled)


def test_dynamic_picture() -> None:
    torch.manual_seed(0)
    model = Several([nn.Sequential(conv(3, 20, 3, padding=1), nn.ReLU(), conv(20, 9, 3, stride=2)), Gate(3)]).eval()
    shapes = {"x": {2: torch.export.Dim("h", min=5, max=64), 3: torch.export.Dim("w", min=5, max=64)}}
    compiled = stepwell.compile(model, (torch.randn(1, 3, 12, 16),), target="cpu", dynamic_shapes=shapes)
    for height, width in ((5, 33), (17, 6)):
        check(model, torch.randn(1, 3, height, width), compiled)


def test_nothing_that_is_not_finite_spreads() -> None:
    """Channels added to fill a vector touch nothing, and NaN and infinity stay where PyTorch has them."""
    torch.manual_seed(0)
    model = Several([
        nn.Sequential(conv(5, 10, 3, padding=1), nn.ReLU(), conv(10, 7, 1)),
        nn.Sequential(conv(5, 5, 3, padding=1, groups=5), nn.MaxPool2d(3, 1, 1)),
    ]).eval()  # fmt: skip
    x = torch.randn(2, 5, 12, 12)
    x[0, 1, 2, 3], x[0, 3, 9, 9] = float("nan"), float("inf")
    compiled = stepwell.compile(model, (x,), target="cpu")
    for mine, right in zip(compiled(x), model(x), strict=True):
        torch.testing.assert_close(mine, right, equal_nan=True, atol=1e-5, rtol=1e-5)


def test_double_precision() -> None:
    torch.manual_seed(0)
    model = Several([conv(6, 20, 3, padding=1), conv(6, 6, 3, groups=6), nn.MaxPool2d(2)]).eval().double()
    x = torch.randn(1, 6, 8, 9, dtype=torch.float64)
    check(model, x, stepwell.compile(model, (x,), target="cpu"), bound=1e-13)


@pytest.mark.parametrize("cpu", ["x86-64-v3", "x86-64"])
def test_narrower_vectors(cpu: str) -> None:
    torch.manual_seed(0)
    model, x = Several([Gate(20), conv(20, 40, 3, stride=2)]).eval(), torch.randn(1, 20, 8, 9)
    check(model, x, stepwell.compile(model, (x,), target=f"cpu,cpu={cpu}"))


def test_strict_takes_the_plain_nests() -> None:
    torch.manual_seed(0)
    model, x = Several([Gate(10)]).eval(), torch.randn(1, 10, 6, 6)
    check(model, x, stepwell.compile(model, (x,), target="cpu,fp=strict"))
