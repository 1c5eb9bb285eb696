"""QONNX files for target ``hls``: their scales, widths and signs, in Verilator."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
import torch

import stepwell

sys.path.insert(0, str(Path(__file__).parent))  # for the networks beside the tests
from qonnx_models import DOMAIN, Network


def perceptron() -> Network:
    """4-bit weights, unsigned 4 bits behind relu."""
    network = Network(3, 8)
    network.quant(0.02, 8)
    network.linear(12, 0.05, 4)
    network.relu()
    network.quant(0.11, 4, signed=0)
    network.linear(4, 0.04, 4)
    network.quant(0.02, 8)
    return network


def binary() -> Network:
    """Signs between layers."""
    network = Network(2, 5, seed=1)
    network.bipolar(1.0)
    network.linear(7, 0.1, 2)
    network.bipolar(0.5)
    network.linear(3, 0.1, 3)
    network.quant(0.05, 8)
    return network


def truncating() -> Network:
    """The lowest bits cut off."""
    network = Network(2, 6, seed=2)
    network.quant(0.25, 8)
    network.trunc(0.25, 8, 5)
    network.linear(4, 0.125, 4)
    network.quant(0.5, 6, narrow=1)
    return network


def shifted() -> Network:
    """A zero point."""
    network = Network(2, 6, seed=3)
    network.quant(0.02, 8, signed=0, zero_point=100.0)
    network.linear(4, 0.125, 4)
    network.quant(0.1, 8, signed=0, zero_point=37.0)
    return network


def channels() -> Network:
    """A scale for each output, zero points, a bias that is quantised too; nothing narrows what leaves."""
    network = Network(3, 7, seed=4)
    network.quant(0.02, 8)
    network.linear(5, [[0.05], [0.01], [0.2], [0.03], [0.07]], 4, zero_point=[[0], [2], [-1], [0], [3]])
    network.relu()
    network.quant(0.07, 8, signed=0)
    network.linear(3, [[0.04], [0.03], [0.011]], 3, bias_scale=[0.01, 0.02, 0.003])
    network.quant(0.04, 8)
    return network


def offset_weights() -> Network:
    """One zero point for a weight, a bias with a scale of its own."""
    network = Network(2, 6, seed=5)
    network.quant(0.02, 8)
    network.linear(4, 0.03, 5, zero_point=6.0, bias_scale=0.004)
    network.quant(0.05, 8)
    return network


def images() -> Network:
    """A convolution whose channels have scales."""
    network = Network(2, 3, seed=6, image=(5, 4))
    network.quant(0.02, 8)
    scales, points = [[[[0.02]]], [[[0.05]]], [[[0.004]]]], [[[[1]]], [[[0]]], [[[-2]]]]
    network.convolution(3, scales, 4, zero_point=points)
    network.relu()
    network.quant(0.05, 6, signed=0)
    network.convolution(1, 0.02, 4)
    network.quant(0.06, 8)
    return network


def normalised() -> Network:
    """Batch normalisation behind convolutions of one scale and of several; one channel is turned around, one is 0."""
    network = Network(2, 3, seed=8, image=(4, 4))
    network.quant(0.02, 8)
    network.convolution(4, 0.02, 4)
    network.batch_norm([1.0, -0.6, 0.0, 0.3])
    network.relu()
    network.quant(0.05, 6, signed=0)
    network.convolution(3, [[[[0.02]]], [[[0.05]]], [[[0.01]]]], 4)
    network.batch_norm([0.5, 0.9, 1.2])
    network.quant(0.06, 8)
    return network


def normalised_rows() -> Network:
    """The same of rows."""
    network = Network(5, 6, seed=9)
    network.quant(0.02, 8)
    network.linear(4, 0.03, 4)
    network.batch_norm([0.7, 1.1, -0.4, 0.9])
    network.quant(0.05, 8)
    return network


NETWORKS = {
    perceptron: 0.02, binary: 0.05, truncating: 0.5, shifted: 0.1, channels: 0.04, offset_weights: 0.05,
    images: 0.06, normalised: 0.06, normalised_rows: 0.05,
}  # fmt: skip
"""And the scale of each result."""


@pytest.mark.parametrize("make", NETWORKS)
def test_hardware_gives_the_files_integers(make: Callable[[], Network], tmp_path: Path) -> None:
    network = make()
    path = network.save(tmp_path)
    hardware = stepwell.compile(path, target="hls", cache=False)
    reference = stepwell.compile(path, target="hls,simulator=interpreter", cache=False)
    off, total = 0, 0
    for scale in (0.3, 1.0, 3.0):
        x = network.sample(scale)
        got, wanted = hardware(torch.from_numpy(x)), network.run(x)
        assert torch.equal(got, reference(torch.from_numpy(x)))
        steps = np.round((got.numpy() - wanted) / NETWORKS[make])
        np.testing.assert_allclose(got.numpy() - wanted, steps * NETWORKS[make], atol=1e-5)
        off, total = off + int((steps != 0).sum()), total + steps.size
    assert off <= total // 12  # a number next to the middle between two integers


@pytest.mark.parametrize("make", NETWORKS)
def test_cpu_gives_the_files_numbers(make: Callable[[], Network], tmp_path: Path) -> None:
    network = make()
    executable = stepwell.compile(network.save(tmp_path), target="cpu", cache=False)
    x = network.sample()
    np.testing.assert_allclose(executable(torch.from_numpy(x)).numpy(), network.run(x), atol=2e-6)


def test_widths_are_the_files(tmp_path: Path) -> None:
    text = str(stepwell.lower(perceptron().save(tmp_path), to="hardware", target="hls"))
    assert "weight_bits = 4" in text
    assert "!stream.stream<i5, " in text  # unsigned 4 bits are 5 signed ones


def test_floats_leave_under_one_scale_for_all_channels(tmp_path: Path) -> None:
    """Nothing asks for a scale behind the last layer: ratios are off by half of 17 bits of the largest."""
    network = Network(3, 7, seed=7)
    network.quant(0.02, 8)
    network.linear(4, [[0.05], [0.01], [0.2], [0.03]], 4)
    network.relu()
    path, x = network.save(tmp_path), network.sample()
    got = stepwell.compile(path, target="hls", cache=False)(torch.from_numpy(x))
    assert torch.equal(got, stepwell.compile(path, target="hls,simulator=interpreter")(torch.from_numpy(x)))
    np.testing.assert_allclose(got.numpy(), network.run(x), atol=2e-5)


def test_scales_that_differ_along_two_dimensions_are_refused(tmp_path: Path) -> None:
    network = Network(2, 4)
    settings = [network.constant(value) for value in ([[0.1], [0.2]], [0.0, 1.0, 2.0, 3.0], 4.0)]
    network.add("Quant", settings, lambda x: x, DOMAIN)
    with pytest.raises(stepwell.Error, match=r"'Quant': its scales and zero points have shapes \[2, 1\] and \[4\]"):
        stepwell.compile(network.save(tmp_path), target="hls")


def test_a_width_for_each_channel_is_refused(tmp_path: Path) -> None:
    network = Network(2, 4)
    network.add("Quant", [network.constant(v) for v in (0.1, 0.0, [2.0, 3.0, 4.0, 5.0])], lambda x: x, DOMAIN)
    with pytest.raises(stepwell.Error, match=r"QONNX's 'Quant': it has one for each channel") as caught:
        stepwell.compile(network.save(tmp_path), target="hls")
    assert "one constant for each tensor" in str(caught.value)


@pytest.mark.parametrize(
    ("bits", "options", "message"),
    [
        (4.5, {}, "it has 4.5 bits"),
        (64.0, {}, "it has 64.0 bits"),
        (4.0, {"rounding_mode": "CEIL"}, "it rounds by CEIL"),
    ],
)
def test_settings_that_nothing_computes_are_refused(
    bits: float, options: dict[str, str], message: str, tmp_path: Path
) -> None:
    network = Network(2, 4)
    network.add("Quant", [network.constant(v) for v in (0.1, 0.0, bits)], lambda x: x, DOMAIN, **options)
    with pytest.raises(stepwell.Error, match=message):
        stepwell.compile(network.save(tmp_path), target="hls")


def test_a_file_as_brevitas_writes_it(tmp_path: Path) -> None:
    """Version 2 of the operators, settings shared between nodes, names with points."""
    text = (Path(__file__).parent / "data" / "brevitas-perceptron.onnx.txt").read_text()
    path = tmp_path / "brevitas.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    cpu, hardware = (stepwell.compile(path, target=target, cache=False) for target in ("cpu", "hls"))
    step = 0.0073235715
    assert (cpu(x) - hardware(x)).abs().max() <= step * 1.001
    assert stepwell.verify(path, target="hls,simulator=interpreter").passed
