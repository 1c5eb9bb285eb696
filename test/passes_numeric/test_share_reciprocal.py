"""Quotients of a softmax by a shared reciprocal are those of a division."""

from __future__ import annotations

import math

import pytest
import torch

import stepwell


class Softmax(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x, -1)


class Weights(torch.nn.Module):
    """A softmax with its weights and their sum."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        weights = (x - x.amax(-1, keepdim=True)).exp()
        total = weights.sum(-1, keepdim=True)
        return weights / total, weights, total


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_as_division(dtype: torch.dtype, spread: float) -> None:
    x = (torch.randn(64, 333) * spread).to(dtype)
    result, weights, total = stepwell.compile(Weights(), (x,), target="cpu")(x)
    normal = weights / total >= torch.finfo(dtype).tiny
    exact = weights / total
    assert ((result - exact).abs() <= torch.finfo(dtype).eps * exact)[normal].all()
    assert (result == exact)[normal].double().mean() > 0.999
    assert (result[~normal] < 2 * torch.finfo(dtype).tiny).all()


@pytest.mark.parametrize("width", [1, 3, 16, 50, 64])
def test_special_values(width: int) -> None:
    x = torch.randn(8, width)
    x[0], x[1], x[2, 0], x[3, 0], x[4, -1] = -math.inf, 3e38, math.inf, math.nan, -3e38
    x[5, width // 2 :] = -math.inf
    result = stepwell.compile(Softmax(), (x,), target="cpu")(x)
    torch.testing.assert_close(result.double(), torch.softmax(x.double(), -1), rtol=3e-6, atol=1e-30, equal_nan=True)
