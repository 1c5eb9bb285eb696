"""Sums of 16-bit floats are rounded once, as PyTorch's are."""

from collections.abc import Callable

import pytest
import torch

import stepwell

KINDS = pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16], ids=str)


class Model(torch.nn.Module):
    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> torch.Tensor:
        return self.function(*args)


@KINDS
def test_running_sums(kind: torch.dtype) -> None:
    x = torch.randn(3, 200).to(kind)
    mine = stepwell.compile(Model(lambda x: torch.cumsum(x, 1)), (x,))(x)
    exact = x.double().cumsum(1)
    assert mine.dtype is kind
    assert bool(((mine.double() - exact).abs() <= torch.finfo(kind).eps / 2 * exact.abs() + 1e-5).all())


@KINDS
@pytest.mark.parametrize("p", [2.0, 1.0, 0.0, float("inf")])
def test_distances(kind: torch.dtype, p: float) -> None:
    x, y = torch.randn(40).to(kind), torch.randn(40).to(kind)
    model = Model(lambda x, y: torch.dist(x, y, p))
    torch.testing.assert_close(stepwell.compile(model, (x, y))(x, y), model(x, y))


@KINDS
@pytest.mark.parametrize("bias", [False, True])
def test_bilinear_forms(kind: torch.dtype, bias: bool) -> None:
    layer = torch.nn.Bilinear(7, 9, 5, bias=bias).to(kind).requires_grad_(False)
    x, y = torch.randn(20, 7).to(kind), torch.randn(20, 9).to(kind)
    mine = stepwell.compile(layer, (x, y))(x, y)
    exact = layer.double()(x.double(), y.double())
    assert bool(((mine.double() - exact).abs() <= torch.finfo(kind).eps / 2 * exact.abs() + 1e-5).all())


FUNCTIONS = {
    "gelu": torch.nn.functional.gelu,
    "gelu of tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "selu": torch.nn.functional.selu,
    "elu": lambda x: torch.nn.functional.elu(x, 0.7),
    "norm": lambda x: torch.linalg.vector_norm(x * 100, dim=1),
    "similarity": lambda x: torch.nn.functional.cosine_similarity(x, x.flip(0), dim=1),
}


@KINDS
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_of_several_steps(kind: torch.dtype, function: Callable[..., torch.Tensor]) -> None:
    """Squares of float16 have no room in float16, and each step's rounding is one too many."""
    x = torch.randn(6, 40).to(kind)
    mine = stepwell.compile(Model(function), (x,))(x)
    assert mine.dtype is kind
    torch.testing.assert_close(mine.double(), function(x.double()), rtol=torch.finfo(kind).eps, atol=1e-6)


def test_wider_sums_are_left_alone() -> None:
    x = torch.randn(50, dtype=torch.float64)
    mine = stepwell.compile(Model(lambda x: torch.cumsum(x, 0)), (x,))(x)
    torch.testing.assert_close(mine, x.cumsum(0), rtol=1e-14, atol=1e-14)
