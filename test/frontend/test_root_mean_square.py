"""Normalisation by the root mean square has PyTorch's epsilon and its width."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional


class Norm(torch.nn.Module):
    def __init__(self, axes: int, weight: torch.Tensor | None, eps: float | None) -> None:
        super().__init__()
        self.axes, self.weight, self.eps = axes, weight, eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x, x.shape[-self.axes :], self.weight, self.eps)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("eps", [None, 1e-2])
def test_rows_of_nothing_and_of_little(imported: Callable[..., Any], dtype: torch.dtype, eps: float | None) -> None:
    x = torch.cat([torch.zeros(1, 5), torch.full((1, 5), 1e-5), torch.randn(2, 5)]).to(dtype)
    model = Norm(1, None, eps)
    torch.testing.assert_close(imported(model, (x,))(x), model(x))


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_weights_over_two_axes(imported: Callable[..., Any], kind: torch.dtype) -> None:
    x = torch.randn(3, 2, 4).bfloat16()
    model = Norm(2, torch.randn(2, 4).to(kind), None)
    torch.testing.assert_close(imported(model, (x,))(x), model(x))


def test_nan_and_infinity(imported: Callable[..., Any]) -> None:
    x = torch.randn(3, 4)
    x[0, 1], x[1, 2] = torch.nan, torch.inf
    model = Norm(1, None, None)
    torch.testing.assert_close(imported(model, (x,))(x), model(x), equal_nan=True)
