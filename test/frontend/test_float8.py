"""8-bit floats: casts and moves as PyTorch's, bit for bit; products against float64; what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchao.quantization import (
    Float8DynamicActivationFloat8WeightConfig,
    Float8WeightOnlyConfig,
    PerRow,
    PerTensor,
    quantize_,
)

import stepwell
from stepwell.support.errors import ImportFailure

E4, E5 = torch.float8_e4m3fn, torch.float8_e5m2
BF16 = torch.bfloat16


class Function(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


def compiled(function: Callable[..., Any], *inputs: torch.Tensor) -> Any:
    return stepwell.compile(Function(function), inputs, target="cpu")(*inputs)


def same(result: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether all bits are the same, of NaN too."""
    kind = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[expected.element_size()]
    alike = result.dtype == expected.dtype and result.shape == expected.shape
    return alike and torch.equal(result.contiguous().view(kind), expected.contiguous().view(kind))


def every(kind: torch.dtype) -> torch.Tensor:
    """All numbers of 8 or 16 bits; of f32 some of all sizes, and what is special."""
    if kind.itemsize == 1:
        return torch.arange(256, dtype=torch.uint8).view(kind)
    if kind.itemsize == 2:
        return torch.arange(1 << 16).to(torch.int16).view(kind)
    special = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 464.0, -464.01, 480.0, 61440.0, 1e30])
    return torch.cat([special, torch.randn(5000) * 2.0 ** torch.randint(-20, 20, (5000,))]).to(kind)


def test_casts_to_8_bits() -> None:
    kinds = (torch.float32, torch.float64, torch.float16, BF16)
    inputs = [*(every(kind) for kind in kinds), torch.arange(-70000, 70000, 13), every(E4), every(E5)]
    cast = [(x, kind) for x in range(len(inputs)) for kind in (E4, E5)]
    results = compiled(lambda *xs: [xs[x].to(kind) for x, kind in cast], *inputs)
    for result, (x, kind) in zip(results, cast, strict=True):
        assert same(result, inputs[x].to(kind)), (inputs[x].dtype, kind)


def test_casts_from_8_bits() -> None:
    kinds = (torch.float32, torch.float64, torch.float16, BF16, torch.int32, torch.bool)
    inputs = every(E4)[:127], every(E5)[:124]  # without NaN, whose bits are nobody's, and which is no integer
    results = compiled(lambda *xs: [x.to(kind) for x in xs for kind in kinds], *inputs)
    for result, expected in zip(results, [x.to(kind) for x in inputs for kind in kinds], strict=True):
        assert torch.equal(result, expected), expected.dtype


@pytest.mark.parametrize("kind", [E4, E5])
def test_moves(kind: torch.dtype) -> None:
    x, y = every(kind).reshape(16, 16), every(kind).reshape(16, 16).T

    def moves(x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        joined = torch.cat([x, y, y.new_zeros(0, 16)])
        padded = nn.functional.pad(x, (1, 2))
        return [x.view(8, 32).T, joined, x[1:5, ::3], padded, x[torch.tensor([3, 1])], torch.stack([x, y])[:, :1]]

    for result, expected in zip(compiled(moves, x, y), moves(x, y), strict=True):
        assert same(result, expected)


def test_comparisons() -> None:
    x = every(E4)
    equal, nan = compiled(lambda x: (x == x[:1], x.isnan()), x)
    assert torch.equal(equal, x == x[:1])
    assert torch.equal(nan, x.isnan())


def test_products_of_8_bits() -> None:
    x, y = torch.randn(9, 40).to(E4), torch.randn(40, 7).to(E4)
    assert same(compiled(torch.mm, x, y), (x.double() @ y.double()).to(E4))


@pytest.mark.parametrize(("formats", "by_row"), [((E4, E4), True), ((E5, E5), False), ((E5, E4), True)])
def test_scaled_products(formats: tuple[torch.dtype, torch.dtype], by_row: bool) -> None:
    x, w = torch.randn(33, 48).to(formats[0]), torch.randn(80, 48).to(formats[1])
    scales = (torch.rand(33, 1), torch.rand(1, 80)) if by_row else (torch.rand(()), torch.rand(1))
    bias = torch.randn(80).to(BF16)

    def product(x: torch.Tensor, w: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> Any:
        return torch._scaled_mm(x, w.t(), a, b, bias=c, out_dtype=BF16), torch._scaled_mm(
            x, w.t(), a, b, out_dtype=torch.float32
        )

    narrow, wide = compiled(product, x, w, *scales, bias)
    exact = x.double() @ w.double().T * scales[0] * scales[1]
    torch.testing.assert_close(wide.double(), exact, rtol=0, atol=1e-6 * exact.abs().max().item())
    torch.testing.assert_close(narrow.double(), exact + bias, rtol=2**-8, atol=1e-5 * exact.abs().max().item())


def test_scaled_products_of_functional() -> None:
    kind = nn.functional.ScalingType.RowWise

    def product(x: torch.Tensor, w: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> Any:
        return nn.functional.scaled_mm(x, w.t(), a, kind, b, kind, output_dtype=torch.float32)

    x, w, a, b = torch.randn(16, 32).to(E4), torch.randn(48, 32).to(E4), torch.rand(16, 1), torch.rand(1, 48)
    exact = x.double() @ w.double().T * a * b
    torch.testing.assert_close(compiled(product, x, w, a, b).double(), exact, rtol=1e-5, atol=1e-5)


def test_results_beyond_8_bits_are_the_largest() -> None:
    x, w = torch.full((16, 32), 20.0).to(E4), torch.eye(32).repeat(1, 1).to(E4)
    result = compiled(lambda x, w: torch._scaled_mm(x, w.t(), torch.tensor(10.0), torch.tensor(10.0)), x, w)
    assert same(result, torch.full((16, 32), 448.0).to(E4))


def _refused(function: Callable[..., Any], *more: torch.Tensor) -> str:
    x, w = torch.randn(16, 32).to(E4), torch.randn(48, 32).to(E4)
    with pytest.raises(ImportFailure) as failure:
        compiled(function, x, w, torch.ones(()), *more)
    assert "test_float8.py:" in str(failure.value)
    return str(failure.value)


def test_a_scale_of_the_result_is_refused() -> None:
    message = _refused(lambda x, w, s: torch._scaled_mm(x, w.t(), s, s, scale_result=s))
    assert "_scaled_mm with scale_result is not taken: scale its result in float32" in message


def test_float8_through_an_artifact(tmp_path: Path) -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(24, 16).to(E4), requires_grad=False)
            self.register_buffer("last", torch.zeros(2, 16).to(E5))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            before = self.last.clone()
            self.last.copy_(x.to(E5))
            return x.to(E4).float() @ self.weight.float().T, before

    x = torch.randn(2, 16)
    stepwell.compile(Layer(), (x,), target="cpu").save(tmp_path)
    program = stepwell.load(tmp_path)
    assert [str(spec.dtype) for spec in program.signatures["main"].results] == ["f32", "f8E5M2"]
    program(x)
    assert same(program(torch.zeros(2, 16))[1], x.to(E5))


CONFIGS = {
    "weights": Float8WeightOnlyConfig(),
    "tensors": Float8DynamicActivationFloat8WeightConfig(granularity=PerTensor()),
    "rows": Float8DynamicActivationFloat8WeightConfig(granularity=PerRow()),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_models_that_torchao_quantises(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # It asks for a GPU when it is set up, but computes without one.
    monkeypatch.setattr("torchao.quantization.quant_api._check_hardware_support", lambda granularity: None)
    model = nn.Sequential(nn.Linear(32, 48), nn.ReLU(), nn.Linear(48, 16)).to(BF16).eval()
    quantize_(model, CONFIGS[name])
    x = torch.randn(16, 32).to(BF16)
    with torch.no_grad():
        expected = model(x)
    result = stepwell.compile(model, (x,), target="cpu")(x)
    torch.testing.assert_close(result.float(), expected.float(), rtol=0, atol=2**-6 * expected.abs().max().item())
