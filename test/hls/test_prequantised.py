"""Models that PyTorch's own flow has quantised: their scales, their integers, in Verilator."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torchao.quantization.pt2e.observer import MinMaxObserver, PerChannelMinMaxObserver
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import QuantizationSpec
from torchao.testing.pt2e._xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

import stepwell


class Parts(nn.Module):
    """Channels of a convolution in another order, every second column, beside what another layer makes of a part."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(2, 3, 1)
        self.last = nn.Linear(4 * 4 * 7, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low, high = torch.relu(self.first(x))[..., ::2].chunk(2, dim=1)
        joined = torch.cat([high, torch.relu(self.second(low)), low], dim=1)
        result: torch.Tensor = self.last(joined.flatten(1))
        return result


SIZES = {"prime": (3, (7, 13, 5)), "one": (1, (1, 1)), "three": (4, (8, 16, 8, 4))}


def perceptron(sizes: tuple[int, ...]) -> nn.Sequential:
    torch.manual_seed(len(sizes))
    layers: list[nn.Module] = []
    for inner, outer in itertools.pairwise(sizes):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers[:-1]).eval()


def images() -> nn.Sequential:
    """Convolutions, both kinds of pooling, a flatten in front of a layer."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 10),
    ).eval()  # fmt: skip


def quantised(
    model: nn.Module, *shape: int, weight: Any = None, **options: Any
) -> tuple[Any, torch.export.ExportedProgram]:
    """The converted model, and what users export of it; ``weight``: how weights are quantised, if in another way."""
    random = torch.Generator().manual_seed(1)
    sample = torch.randn(shape, generator=random)
    config = get_symmetric_quantization_config(**options)
    quantizer = XNNPACKQuantizer().set_global(config if weight is None else replace(config, weight=weight))
    prepared = prepare_pt2e(torch.export.export(model, (sample,)).module(), quantizer)
    for _ in range(4):
        prepared(torch.randn(shape, generator=random))
    converted = convert_pt2e(prepared)
    return converted, torch.export.export(converted, (sample,))


class Residual(nn.Module):
    """A sum of two scales."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layers = perceptron((size, size + 3, size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


@pytest.mark.parametrize("channels", [False, True], ids=["per-tensor", "per-channel"])
@pytest.mark.parametrize("name", [*SIZES, "residual", "images", "parts"])
def test_hardware_gives_the_models_integers(name: str, channels: bool) -> None:
    rows, sizes = SIZES.get(name, (3, (6, 6)))
    network = {"residual": Residual(6), "images": images(), "parts": Parts()}.get(name) or perceptron(sizes)
    shape = {"images": (1, 1, 8, 8), "parts": (1, 1, 4, 8)}.get(name, (rows, sizes[0]))
    check(*quantised(network.eval(), *shape, is_per_channel=channels), shape)


class Affine(MinMaxObserver):
    """A zero point; the quantizer takes no specification that asks for one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "qscheme": torch.per_tensor_affine})


class AffinePerChannel(PerChannelMinMaxObserver):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "qscheme": torch.per_channel_affine})


AFFINE = {
    "per-tensor": QuantizationSpec(torch.uint8, Affine, 0, 255),
    "per-channel": QuantizationSpec(torch.int8, AffinePerChannel, -128, 127, ch_axis=0),
    "narrow": QuantizationSpec(torch.int8, AffinePerChannel, -8, 7, ch_axis=0),
}


@pytest.mark.parametrize("name", AFFINE)
def test_weights_with_zero_points(name: str) -> None:
    network = images()
    with torch.no_grad():
        for layer in (network[0], network[3], network[7]):
            assert isinstance(layer, nn.Linear | nn.Conv2d)
            layer.weight += 0.1  # so that zero points are far from the middle
    check(*quantised(network, 1, 1, 8, 8, weight=AFFINE[name]), (1, 1, 8, 8))


def check(model: Any, program: torch.export.ExportedProgram, shape: tuple[int, ...]) -> None:
    """Hardware gives the integers of its reference, which are those of the model but for single steps."""
    hardware = stepwell.compile(program, target="hls", cache=False)
    reference = stepwell.compile(program, target="hls,simulator=interpreter", cache=False)
    random = torch.Generator().manual_seed(2)
    step, flipped, total = None, 0, 0
    for scale in (1.0, 1.0, 3.0):
        x = torch.randn(shape, generator=random) * scale
        wanted, got = model(x), hardware(x)
        assert torch.equal(got, reference(x))
        # Every result is a multiple of the model's own last scale, and at most a step from its own.
        step = float(program.graph.find_nodes(op="output")[0].args[0][0].args[1])
        assert torch.equal(got, (got / step).round() * torch.tensor(step))
        assert (got - wanted).abs().max() <= step * 1.001
        flipped += int((got != wanted).sum())
        total += got.numel()
    assert flipped <= total // 12  # numbers next to the middle between two integers


def test_verify_compares_with_the_model_in_f32() -> None:
    _, program = quantised(perceptron((8, 12, 4)), 4, 8)
    report = stepwell.verify(program, (torch.randn(4, 8),), target="hls,simulator=interpreter")
    assert report.passed, report.table()
    assert report.reference == "eager"


def test_samples_are_refused() -> None:
    _, program = quantised(perceptron((4, 4)), 2, 4)
    with pytest.raises(stepwell.Error, match="the model arrives quantised, with scales of its own"):
        stepwell.compile(program, target="hls", calibration=[(torch.randn(2, 4),)])


def test_an_operator_without_integers_is_named() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Hardswish()).eval()
    _, program = quantised(model, 2, 4)
    with pytest.raises(stepwell.Error, match=r"no hardware for"):
        stepwell.compile(program, target="hls")
