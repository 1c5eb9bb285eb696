"""Convolutions, depthwise ones and pooling: what windows read, which kernels take them, and that they assemble."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import stepwell
from stepwell.backends.cuda.kernels.choose_wgmma import choose
from stepwell.backends.cuda.kernels.gemm_mma import MmaSchedule, build_gemm_mma
from stepwell.backends.cuda.kernels.gemm_simt import SimtSchedule, build_gemm_simt
from stepwell.backends.cuda.kernels.gemm_wgmma import WgmmaProblem, WgmmaSchedule, build_gemm
from stepwell.backends.cuda.kernels.pointer_product import PointerProblem
from stepwell.backends.cuda.kernels.window import Window

Assemble = Callable[..., Any]

THREE = Window((14, 14), (14, 14), (3, 3), (1, 1), (1, 1), (1, 1), 64, (14 * 14 * 64, 14 * 64, 64))
"""A window of 3 by 3 over 14 by 14 pixels with a border."""


def read(window: Window, image: np.ndarray) -> np.ndarray:
    """The left matrix, as the copy engine walks the image: from corner to corner, each tap as far from there."""
    (top, left), (bottom, right) = window.corners
    flat = image.reshape(-1)
    rows = []
    for y in range(top, window.image[0] + bottom, window.strides[0]):
        for x in range(left, window.image[1] + right, window.strides[1]):
            row = np.zeros((window.taps, window.channels))
            for tap in range(window.taps):
                down = y + tap // window.size[1] * window.dilations[0]
                across = x + tap % window.size[1] * window.dilations[1]
                if 0 <= down < window.image[0] and 0 <= across < window.image[1]:
                    start = down * window.steps[1] + across * window.steps[2]
                    row[tap] = flat[start : start + window.channels]
            rows.append(row.reshape(-1))
    return np.array(rows)


@pytest.mark.parametrize(
    ("size", "strides", "dilations", "border"),
    [((3, 3), (1, 1), (1, 1), (1, 1)), ((5, 1), (2, 3), (1, 1), (2, 0)), ((2, 3), (1, 2), (3, 1), (0, 0))],
)
def test_the_engine_walks_the_pixels_of_the_result(
    size: tuple[int, int], strides: tuple[int, int], dilations: tuple[int, int], border: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    image, weights = rng.standard_normal((11, 9, 4)), rng.standard_normal((7, 4, *size))
    expected = F.conv2d(
        torch.from_numpy(image).permute(2, 0, 1)[None], torch.from_numpy(weights), None, strides, border, dilations
    )[0]
    window = Window((11, 9), tuple(expected.shape[1:]), size, strides, dilations, border, 4, (0, 36, 4))
    columns = weights.transpose(2, 3, 1, 0).reshape(-1, 7)
    for found in (window, window.joined(64)):
        result = read(found, image) @ columns
        np.testing.assert_allclose(result, expected.flatten(1).numpy().T, atol=1e-12)
    assert (window.joined(64) != window) == (border[1] == 0 and size[1] > 1)
    assert window.joined(3) == window


@pytest.mark.parametrize(
    ("window", "schedule"),
    [
        (THREE, WgmmaSchedule()),
        (replace(THREE, strides=(2, 2), result=(7, 7)), WgmmaSchedule(192, 192, stages=3, consumers=3)),
        (replace(THREE, size=(1, 1), before=(0, 0)), WgmmaSchedule(64, 128, 8, consumers=1, cluster=1, split=4)),
        (replace(THREE, channels=40, steps=(14 * 14 * 40, 14 * 40, 40)), WgmmaSchedule(columns=64, cluster=1)),
    ],
)
def test_by_the_copy_engine(window: Window, schedule: WgmmaSchedule, assemble: Assemble) -> None:
    problem = WgmmaProblem(window=window)
    kernel = assemble(lambda: build_gemm("gemm", problem, schedule), "sm_90a")
    kernel.check(65536 // schedule.threads // 8 * 8)
    assert "cp.async.bulk.tensor.4d.shared::cluster.global.im2col" in kernel.ptx
    assert "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier" in kernel.ptx
    assert choose(problem, 196, 64, window.taps * 64).rows >= 64


@pytest.mark.parametrize("channels", [64, 12, 3])
def test_by_all_threads(channels: int, assemble: Assemble) -> None:
    window = replace(THREE, channels=channels, steps=(14 * 14 * channels, 14 * channels, channels))
    alignment = {64: 16, 12: 8, 3: 2}[channels]
    problem = PointerProblem("bf16", "bf16", alignment=alignment, window=window)
    schedule = MmaSchedule(rows=64, columns=64, stages=4)
    kernel = assemble(lambda: build_gemm_mma("gemm", problem, schedule), "sm_80")
    kernel.check(255)
    assert {64: "cp.async.cg", 12: "cp.async.ca", 3: "ld.global.u16"}[channels] in kernel.ptx
    plain = PointerProblem("f32", "f32", alignment=4, window=window)
    assemble(lambda: build_gemm_simt("gemm", plain, SimtSchedule(4, 4, 16, 16)), "sm_80").check(255)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (WgmmaProblem("s8", "s32", right_transposed=True, window=THREE), "multiplied in bf16 or f16"),
        (WgmmaProblem(right_transposed=True, window=THREE), "a matrix that lies row by row"),
        (WgmmaProblem(window=replace(THREE, channels=12)), "12 channels are no whole 16 bytes"),
        (
            WgmmaProblem("tf32", "f32", right_transposed=True, window=replace(THREE, channels=6)),
            "6 channels are no whole",
        ),
        (WgmmaProblem(window=replace(THREE, strides=(9, 1))), "strides up to 8"),
        (WgmmaProblem(window=replace(THREE, dilations=(1, 200))), "taps up to 255 pixels away"),
        (WgmmaProblem(window=replace(THREE, before=(129, 1))), "borders of less than 128"),
        (PointerProblem("bf16", "bf16", alignment=16, window=replace(THREE, channels=12)), "not aligned to 16"),
        (PointerProblem("bf16", "bf16", left_transposed=True, window=THREE), "not aligned to 16"),
    ],
)
def test_refused(problem: WgmmaProblem | PointerProblem, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        problem.check(epilogue=False) if isinstance(problem, WgmmaProblem) else problem.check(("bf16",), epilogue=False)


class Images(nn.Module):
    """Layers over images that come and go with channels last."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return result


def kernels(
    model: nn.Module, shape: tuple[int, ...], kind: torch.dtype = torch.bfloat16, **options: Any
) -> tuple[dict[str, int], str]:
    """Which kernels it becomes, and their PTX."""
    x = torch.randn(shape).to(kind)
    options = {"target": "cuda", **options}
    program = stepwell.compile(model.eval().to(kind), (x,), cache=False, **options)
    assert program.report is not None
    return program.report.notes["lower-kernels"], program.code.files["model.ptx"].decode()


def conv(inputs: int, outputs: int, size: int, *rest: Any, **options: Any) -> nn.Module:
    return nn.Conv2d(inputs, outputs, size, *rest, bias=False, **options)


@pytest.mark.parametrize(
    ("layer", "size", "kind", "expected"),
    [
        (conv(16, 24, 3, 1, 1), 9, torch.bfloat16, {"wgmma_window_bf16": 1}),
        (conv(16, 24, 3, 2, 1, 2), 9, torch.float16, {"wgmma_window_f16": 1}),
        (conv(16, 24, 1), 9, torch.bfloat16, {"wgmma_bf16": 1}),
        (conv(16, 24, 1, 2), 9, torch.bfloat16, {"wgmma_window_bf16": 1}),
        (conv(16, 24, 3, 9), 19, torch.bfloat16, {"mma_window_bf16": 1}),  # a stride that the copy engine can't take
        (conv(16, 9, 3), 9, torch.bfloat16, {"mma_window_bf16": 1}),  # nor rows of such a filter
        (conv(5, 9, 3), 9, torch.float32, {"simt_window_f32": 1}),
        (conv(3, 16, 7, 2, 3), 20, torch.bfloat16, {"points": 1, "wgmma_window_bf16": 1}),
        (conv(3, 16, 4, 4), 20, torch.bfloat16, {"rows": 1, "wgmma_bf16": 1}),
        (conv(16, 24, 3, groups=2), 9, torch.bfloat16, {"mma_window_bf16": 1}),
        (conv(16, 16, 3, 1, 1, groups=16), 9, torch.bfloat16, {"windows": 1}),
    ],
)
def test_convolutions(layer: nn.Module, size: int, kind: torch.dtype, expected: dict[str, int]) -> None:
    assert kernels(Images(layer), (2, size, size, layer.in_channels), kind)[0] == expected


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (conv(16, 24, 3, 2, 1, 2), "wgmma_window_tf32"),
        (conv(16, 9, 3), "wgmma_window_tf32"),
        (conv(16, 24, 1), "wgmma_tf32"),
        (conv(6, 24, 3), "mma_window_tf32"),  # pixels of 24 bytes
        (conv(16, 24, 3, groups=2), "mma_window_tf32"),
    ],
)
def test_convolutions_in_tf32(layer: nn.Module, expected: str, assemble_ptx: Assemble) -> None:
    variants, ptx = kernels(Images(layer), (2, 9, 9, layer.in_channels), torch.float32, target="cuda,tf32=true")
    assert variants == {expected: 1}
    assemble_ptx(ptx, "sm_90a").check(255)


def test_older_chips() -> None:
    model = Images(conv(16, 24, 3, 1, 1))
    assert kernels(model, (2, 9, 9, 16), target="cuda,arch=sm_80")[0] == {"mma_window_bf16": 1}
    assert kernels(model, (2, 9, 9, 16), target="cuda,arch=sm_75")[0] == {"points": 1}
    tf32 = kernels(model, (2, 9, 9, 16), torch.float32, target="cuda,arch=sm_80,tf32=true")
    assert tf32[0] == {"mma_window_tf32": 1}


def test_any_batch() -> None:
    batch = torch.export.Dim("batch", min=1)
    variants, _ = kernels(Images(conv(16, 24, 3, 1, 1)), (2, 9, 9, 16), dynamic_shapes=({0: batch},))
    assert variants == {"wgmma_window_bf16": 1}


class Block(nn.Module):
    """A residual block with a pooling behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv(16, 16, 3, 1, 1), conv(16, 16, 1)
        self.x, self.y, self.pool = nn.BatchNorm2d(16), nn.BatchNorm2d(16), nn.MaxPool2d(3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.a(x)
        y = self.y(self.b(F.relu(self.x(self.a(F.relu(x))))))
        pooled: torch.Tensor = self.pool(F.relu(x + y))
        return pooled


def test_what_follows_is_done_to_the_sums(assemble_ptx: Assemble) -> None:
    variants, ptx = kernels(Images(Block()), (2, 12, 12, 16))
    assert variants == {"wgmma_window_bf16": 2, "wgmma_bf16": 1, "windows": 1, "rows": 1}
    assert "sqrt" not in ptx, "of statistics, which are fixed"
    assert "ld.global.v4" in ptx, "of pixels that are pooled"
    assemble_ptx(ptx, "sm_90a").check(255)


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(3, 2, 1),
        nn.AvgPool2d(2),
        conv(24, 24, 7, 1, 3, groups=24),
        conv(24, 24, 3, 2, 1, 2, groups=24),
    ],
)
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_channels_side_by_side(layer: nn.Module, kind: torch.dtype, assemble_ptx: Assemble) -> None:
    variants, ptx = kernels(Images(conv(24, 24, 1), layer), (1, 15, 13, 24), kind)
    assert variants["windows"] == 1
    kernel = assemble_ptx(ptx, "sm_90a")
    kernel.check(255)
    assert "ld.global.v4" in ptx
