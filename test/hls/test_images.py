"""Float models of images for target ``hls``: the same integers from the interpreter and from Verilator."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch_mlir import ir

import stepwell
from stepwell.dialects import numeric
from stepwell.dialects.context import make_context
from stepwell.passes.base import PassContext
from stepwell.passes.hardware.numeric_to_stream import NumericToStream
from stepwell.support.errors import UnsupportedError
from stepwell.support.parameters import ParameterStore


def lenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Dropout(0.1), nn.Linear(32, 10),
    )  # fmt: skip


def mobile_block() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 12, 1, bias=False), nn.BatchNorm2d(12), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4),
    )  # fmt: skip


def image_out() -> nn.Sequential:
    """Grouped, dilated, without bias; its result is an image."""
    return nn.Sequential(
        nn.Conv2d(4, 8, (3, 1), padding=(1, 0), groups=2, bias=False), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(8, 4, 2, dilation=2), nn.AvgPool2d(3, 1),
    )  # fmt: skip


def pools() -> nn.Sequential:
    """A stem with a pool whose windows overlap, one whose taps are apart, rounding up that makes no difference, sums
    divided by another number."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1, ceil_mode=False),
        nn.MaxPool2d(2, 1, 1, dilation=2), nn.AvgPool2d(2, ceil_mode=True, divisor_override=3), nn.Conv2d(4, 2, 1),
    )  # fmt: skip


def rounding_up() -> nn.Sequential:
    """Windows that hang over the end of their images, with and without padding."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(4, 4, 1), nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True), nn.MaxPool2d((2, 4), 3, (0, 1), ceil_mode=True), nn.Conv2d(4, 2, 1),
        nn.AvgPool2d(2, ceil_mode=True, divisor_override=4),
    )  # fmt: skip


def line() -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(2, 4, 5, padding=2), nn.ReLU(), nn.Conv1d(4, 4, 3, stride=2), nn.ReLU())


class Residual(nn.Module):
    """An image beside what two convolutions make of it; a stride behind that."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 8, 3, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first(x))
        result: torch.Tensor = self.last(torch.relu(self.second(y) + y))
        return result


CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "lenet": (lenet, (1, 1, 8, 8)),
    "mobile-block": (mobile_block, (2, 4, 8, 8)),
    "image-out": (image_out, (1, 4, 12, 10)),
    "pools": (pools, (1, 2, 12, 12)),
    "rounding-up": (rounding_up, (2, 2, 12, 16)),
    "line": (line, (1, 2, 16)),
    "residual": (Residual, (1, 4, 8, 8)),
}


@pytest.mark.parametrize("name", CASES)
def test_simulation_is_the_interpreter(name: str) -> None:
    make, shape = CASES[name]
    torch.manual_seed(0)
    model = make()
    model(torch.rand(shape) + 1)  # what batch normalisation knows about its inputs is not what it began with
    model.eval()
    samples = [torch.rand(shape) - 0.3 for _ in range(4)]
    calls = [(sample,) for sample in samples]
    rtl, reference = (
        stepwell.compile(model, calls[0], target=target, calibration=calls)
        for target in ("hls,bits=8", "hls,bits=8,simulator=interpreter")
    )
    assert len(rtl.run_all([])) == 0
    one, all_of_them = rtl(*calls[0]), rtl.run_all(calls)
    few, bound = rtl.cycles, rtl.facts["cycles_bound"] / len(calls)
    rtl.run_all(calls * 3)
    assert (rtl.cycles - few) / (2 * len(calls)) == bound, "frames do not follow each other at the slowest component's"
    assert torch.equal(one, all_of_them[0])
    assert all(torch.equal(a, b) for a, b in zip(all_of_them, reference.run_all(calls), strict=True))
    for x in samples[:2]:
        got = rtl(x)
        assert torch.equal(got, reference(x))
        with torch.no_grad():
            wanted = model(x)
        assert (got - wanted).abs().max() < 0.1 * wanted.abs().max()
    report = stepwell.verify(model, calls[0], target="hls,bits=8,simulator=interpreter", calibration=calls)
    assert report.first_pass is None


REFUSED: dict[str, tuple[nn.Module, str]] = {
    "behind-the-end": (nn.MaxPool2d(3, 2, 1, ceil_mode=True), "aten.max_pool2d"),
    "ends-do-not-count": (nn.AvgPool2d(3, 2, ceil_mode=True), "aten.avg_pool2d"),
    "padding-does-not-count": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), "aten.avg_pool2d"),
    "negative-divisor": (nn.AvgPool2d(2, divisor_override=-3), "aten.avg_pool2d"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_pools_without_hardware_are_named(name: str) -> None:
    pool, operator = REFUSED[name]
    model, x = nn.Sequential(nn.Conv2d(1, 2, 1), pool), torch.rand(1, 1, 8, 8)
    with pytest.raises(stepwell.Error, match=rf"no hardware for: {operator} \(1, first at torch/nn/modules/pooling"):
        stepwell.compile(model, (x,), target="hls,bits=8", calibration=[(x,)])


_COMPUTED = """
func.func @main(%x: !torch.vtensor<[2,2],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[2,2],f32>
    {stepwell.parameter = "w"}) -> !torch.vtensor<[2,2],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"}
    : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<4, 2, "signed">>
  %n = torch.aten.neg %w : !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  %wf = torch_c.to_builtin_tensor %n : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %wq = "numeric.quantize"(%wf) {rounding = "floor", overflow = "saturate"}
    : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<4, 2, "signed">>
  %p = "numeric.matmul"(%xq, %wq) : (tensor<2x2x!numeric.fixed<4, 2, "signed">>,
    tensor<2x2x!numeric.fixed<4, 2, "signed">>) -> tensor<2x2x!numeric.fixed<9, 4, "signed">>
  %f = "numeric.dequantize"(%p) : (tensor<2x2x!numeric.fixed<9, 4, "signed">>) -> tensor<2x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<2x2xf32> -> !torch.vtensor<[2,2],f32>
  return %r : !torch.vtensor<[2,2],f32>
}"""


def test_a_computed_weight_needs_somebody_to_compute_it() -> None:
    context = make_context()
    with context, ir.Location.unknown():
        numeric.load(context)
        module = ir.Module.parse(_COMPUTED)
        with pytest.raises(UnsupportedError, match=r"no hardware for 'torch.aten.neg': it computes a weight"):
            NumericToStream().run(module.operation, PassContext(parameters=ParameterStore()))


def test_padding_beyond_half_a_window_is_refused() -> None:
    model, x = nn.Conv2d(1, 2, 1, padding=1), torch.rand(1, 1, 4, 4)
    with pytest.raises(stepwell.Error, match=r"padding \[1, 1\] makes the result larger than its image"):
        stepwell.compile(model, (x,), target="hls,bits=8", calibration=[(x,)])
