"""Variances of no elements are no numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim


@pytest.mark.parametrize("axes", [None, [0], [-1]])
def test_a_deviation_of_nothing(imported: Callable[..., Any], axes: list[int] | None) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.std(x, axes), torch.var(x, axes, keepdim=True)

    x = torch.randn(0, 3)
    for got, wanted in zip(imported(Model(), (x,))(x), Model()(x), strict=True):
        assert torch.equal(torch.isnan(got), torch.isnan(wanted))
        assert got.shape == wanted.shape


def test_deviations_of_any_number(imported: Callable[..., Any]) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return torch.std(x), torch.var(x, 0, correction=3, keepdim=True), torch.var_mean(x, 0), x.var(1)

    model = imported(Model(), (torch.randn(4, 3),), dynamic_shapes=({0: Dim.AUTO},))
    for count in (0, 1, 2, 7):
        x = torch.randn(count, 3)
        torch.testing.assert_close(model(x), Model()(x), equal_nan=True)
