"""A transformer encoder from PyTorch to simulated hardware, bit for bit; activations and norms beside float."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import stepwell
from stepwell.backends.hls import verilate
from stepwell.backends.hls.boundary import enter, leave
from stepwell.backends.hls.components.table import Table
from stepwell.backends.hls.runnable import HlsRunnable
from stepwell.backends.hls.simulate import EAGER, Traffic


class Attention(nn.Module):
    """Pre-norm block with attention of several heads; ``rows`` by ``width`` in, as much out."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.RMSNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, width = x.shape
        size = width // self.heads
        n = self.first(x)
        q, k, v = (f(n).view(rows, self.heads, size).transpose(0, 1) for f in (self.query, self.key, self.value))
        scores = torch.softmax(q @ k.transpose(-1, -2) * size**-0.5, dim=-1)
        x = x + self.out((scores @ v).transpose(0, 1).reshape(rows, width))
        return x + self.narrow(functional.gelu(self.wide(self.second(x))))


class Encoders(nn.Module):
    """PyTorch's own encoder layers, in both orders and with both functions that they have."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        sizes = {"d_model": width, "nhead": heads, "dim_feedforward": 2 * width, "dropout": 0.0, "batch_first": True}
        self.first = nn.TransformerEncoderLayer(**sizes, activation="gelu", norm_first=True)
        self.second = nn.TransformerEncoderLayer(**sizes, activation="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.second(self.first(x))
        return result


class VisionTransformer(nn.Module):
    """Patches of images as rows, a class row before them, places; one encoder layer, and a result from the class."""

    def __init__(self, size: int, patch: int, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.token = nn.Parameter(0.3 * torch.randn(1, 1, width))
        self.places = nn.Parameter(0.3 * torch.randn(1, (size // patch) ** 2 + 1, width))
        self.encoder = nn.TransformerEncoderLayer(
            width, 2, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.patches(x).flatten(2).transpose(1, 2)
        rows = torch.cat([self.token.expand(len(rows), -1, -1), rows], dim=1) + self.places
        result: torch.Tensor = self.head(self.norm(self.encoder(rows))[:, 0])
        return result


def compiled(model: nn.Module, shape: tuple[int, ...], target: str, spread: float = 1.0) -> tuple[Any, list[Any]]:
    torch.manual_seed(0)
    samples = [(spread * torch.randn(shape),) for _ in range(6)]
    return stepwell.compile(model.eval(), samples[0], target=target, calibration=samples), samples


def error(got: torch.Tensor, want: torch.Tensor) -> float:
    return float((got - want).norm() / want.norm())


@pytest.mark.parametrize("bits", [8, 12])
def test_a_block_is_near_float(bits: int) -> None:
    torch.manual_seed(1)
    model = Attention(16, 2)
    reference, samples = compiled(model, (8, 16), f"hls,bits={bits},simulator=interpreter")
    with torch.no_grad():
        errors = [error(reference(x), model(x)) for (x,) in samples]
    assert max(errors) < 0.05 * 2.0 ** ((8 - bits) / 2)


@pytest.fixture(scope="module")
def block() -> tuple[Any, Any, list[Any]]:
    """The hardware of a block, its reference, and inputs."""
    torch.manual_seed(1)
    model = Attention(16, 2)
    hardware, samples = compiled(model, (8, 16), "hls,bits=8,parallelism=4x4")
    reference, _ = compiled(model, (8, 16), "hls,bits=8,parallelism=4x4,simulator=interpreter")
    return hardware, reference, [x for (x,) in samples]


def test_a_call_of_the_hardware(block: tuple[Any, Any, list[Any]]) -> None:
    hardware, reference, inputs = block
    assert torch.equal(hardware(inputs[1]), reference(inputs[1]))


@pytest.mark.parametrize("traffic", [EAGER, Traffic(70, 100, 1), Traffic(100, 20, 2), Traffic(90, 90, 3, reset_at=700)])
def test_calls_back_to_back(block: tuple[Any, Any, list[Any]], traffic: Traffic) -> None:
    hardware, reference, inputs = block
    runnable = hardware.runnable
    assert isinstance(runnable, HlsRunnable)
    design = runnable.design
    (port,), (sink,) = design.inputs, design.outputs
    frames = np.stack([enter(x.numpy(), port) for x in inputs])
    result = runnable.simulator.run({port.name: frames}, traffic)
    for x, output in zip(inputs, result.outputs[0], strict=True):
        np.testing.assert_array_equal(leave(output, sink.port), reference(x).numpy())
    if traffic == EAGER:
        assert result.cycles - result.latency <= (len(inputs) - 1) * design.cycles * 1.02


def test_budgets_of_a_block() -> None:
    """Heads and rows have other sizes than what multiplies them: beats are cut between."""
    torch.manual_seed(1)
    model = Attention(16, 2)
    with pytest.raises(stepwell.Error, match="a budget of 16 multipliers is too small: this model needs at least 17"):
        compiled(model, (8, 16), "hls,multipliers=16")
    designs = {}
    for budget in (17, 40):
        reference, samples = compiled(model, (8, 16), f"hls,bits=8,multipliers={budget},simulator=interpreter")
        designs[budget] = reference.runnable.design
        assert designs[budget].multipliers <= budget
    assert designs[40].cycles <= designs[17].cycles // 4
    hardware, _ = compiled(model, (8, 16), "hls,bits=8,multipliers=40")
    for got, want in zip(hardware.run_all(samples), reference.run_all(samples), strict=True):
        assert torch.equal(got, want)
    cycles = hardware.cycles
    hardware.run_all(samples[:2])
    assert cycles - hardware.cycles <= (len(samples) - 2) * designs[40].cycles * 1.02


def test_lint_finds_nothing(block: tuple[Any, Any, list[Any]]) -> None:
    runnable = block[0].runnable
    assert verilate.lint(runnable.design.top, runnable.simulator.sources) == ""


ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": functional.gelu,
    "gelu-tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "hardsigmoid": functional.hardsigmoid,
    "hardswish": functional.hardswish,
    "mish": functional.mish,
    "softplus": functional.softplus,
    "elu": lambda x: functional.elu(x, 0.7),
    "selu": functional.selu,
    "leaky-relu": lambda x: functional.leaky_relu(x, 0.1),
    "softmax": lambda x: torch.softmax(x, dim=-1),
    "scaled": lambda x: 0.3 * x,
    "layer-norm": lambda x: functional.layer_norm(x, x.shape[-1:]),
    "rms-norm": lambda x: functional.rms_norm(x, x.shape[-1:], eps=1e-6),
    "attention": lambda x: functional.scaled_dot_product_attention(x[None], x[None], x[None])[0],
    "transposed": lambda x: x.t().reshape(x.shape),
}


class Function(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.layer = name, nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return ACTIVATIONS[self.name](self.layer(x))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_operators_are_near_float(name: str) -> None:
    torch.manual_seed(2)
    model = Function(name)
    reference, samples = compiled(model, (4, 8), "hls,bits=10,simulator=interpreter", 2.0)
    with torch.no_grad():
        assert max(error(reference(x), model(x)) for (x,) in samples) < 0.02


@pytest.mark.parametrize("name", ["gelu", "silu", "selu"])
def test_functions_of_sixteen_bits_are_one_component(name: str) -> None:
    torch.manual_seed(2)
    model = Function(name)
    reference, samples = compiled(model, (4, 8), "hls,bits=16,simulator=interpreter", 2.0)
    tables = [c for c in reference.runnable.design.components if isinstance(c, Table)]
    assert [(c.source[0], c.multipliers) for c in tables] == [(16, tables[0].output.beat)]
    with torch.no_grad():
        assert max(error(reference(x), model(x)) for (x,) in samples) < 0.0003


def test_a_function_that_lines_miss_reads_fewer_bits() -> None:
    torch.manual_seed(2)
    model = Function("tanh")
    with torch.no_grad():
        model.layer.weight *= 1000
    reference, _ = compiled(model, (4, 8), "hls,bits=16,simulator=interpreter", 2.0)
    assert [c.source[0] for c in reference.runnable.design.components if isinstance(c, Table)] == [12]


def test_softmax_along_another_dimension_is_refused() -> None:
    class Columns(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.softmax(x, dim=0)

    with pytest.raises(stepwell.Error, match=r"no hardware for: aten\._softmax"):
        compiled(Columns(), (4, 8), "hls")


def test_encoder_layers_of_pytorch() -> None:
    torch.manual_seed(2)
    model = Encoders(8, 2)
    hardware, samples = compiled(model, (1, 4, 8), "hls,bits=8,parallelism=4x4")
    reference, _ = compiled(model, (1, 4, 8), "hls,bits=8,parallelism=4x4,simulator=interpreter")
    with torch.no_grad():
        assert max(error(reference(x), model(x)) for (x,) in samples) < 0.1
    for got, sample in zip(hardware.run_all(samples[:3]), samples, strict=False):
        assert torch.equal(got, reference(*sample))


def test_a_vision_transformer() -> None:
    torch.manual_seed(3)
    model = VisionTransformer(8, 4, 8)
    hardware, samples = compiled(model, (1, 3, 8, 8), "hls,bits=8")
    reference, _ = compiled(model, (1, 3, 8, 8), "hls,bits=8,simulator=interpreter")
    with torch.no_grad():
        assert max(error(reference(x), model(x)) for (x,) in samples) < 0.1
    for got, sample in zip(hardware.run_all(samples[:3]), samples, strict=False):
        assert torch.equal(got, reference(*sample))
    # Patches leave the convolution as rows already: only heads are put in another order, four times.
    assert sum(component.kind == "reorder" for component in hardware.runnable.design.components) == 4
