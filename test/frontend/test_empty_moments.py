"""Variances of no elements are no numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch


@pytest.mark.parametrize("axes", [None, [0], [-1]])
def test_a_deviation_of_nothing(imported: Callable[..., Any], axes: list[int] | None) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return torch.std(x, axes), torch.var(x, axes, keepdim=True), *torch.var_mean(x, axes), *torch.std_mean(x)

    x = torch.randn(0, 3)
    for got, wanted in zip(imported(Model(), (x,))(x), Model()(x), strict=True):
        assert torch.equal(torch.isnan(got), torch.isnan(wanted))
        assert got.shape == wanted.shape


@pytest.mark.parametrize("rows", [0, 1, 2, 7])
@pytest.mark.parametrize("correction", [0, 1, 2])
def test_moments_of_a_number_that_varies(imported: Callable[..., Any], rows: int, correction: int) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return *torch.var_mean(x, 0, correction=correction), torch.std(x, 0, correction=correction, keepdim=True)

    program = imported(Model(), (torch.randn(5, 3),), dynamic_shapes=({0: torch.export.Dim("rows", min=0)},))
    x = torch.randn(rows, 3)
    for got, wanted in zip(program(x), Model()(x), strict=True):
        torch.testing.assert_close(got, wanted, equal_nan=True)
