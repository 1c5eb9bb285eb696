"""Variances of no elements are no numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch


@pytest.mark.parametrize("axes", [None, [0], [-1]])
def test_a_deviation_of_nothing(imported: Callable[..., Any], axes: list[int] | None) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.std(x, axes), torch.var(x, axes, keepdim=True)

    x = torch.randn(0, 3)
    for got, wanted in zip(imported(Model(), (x,))(x), Model()(x), strict=True):
        assert torch.equal(torch.isnan(got), torch.isnan(wanted))
        assert got.shape == wanted.shape
