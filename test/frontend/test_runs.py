"""The most frequent element, and each element once, beside PyTorch's."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim

from stepwell.driver import api
from stepwell.frontend.decompositions.runs import run_decompositions

aten = torch.ops.aten


def equal(given: Any, expected: Any) -> None:
    torch.testing.assert_close(given, tuple(expected), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_mode(dim: int, keepdim: bool) -> None:
    """Where there is a NaN, PyTorch's depends on its place."""
    x = torch.randint(0, 4, (5, 12)).to(torch.float32)
    equal(run_decompositions()[aten.mode.default](x, dim, keepdim), torch.mode(x, dim, keepdim))


class Mode(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        return torch.mode(x, 1)


def test_mode_of_any_number(imported: Callable[..., Any]) -> None:
    model = imported(Mode(), (torch.randn(3, 7),), dynamic_shapes=({0: Dim.AUTO, 1: Dim.AUTO},))
    for sizes in ((1, 5), (4, 12), (2, 1)):
        x = torch.randint(0, 4, sizes).to(torch.float32)
        equal(model(x), torch.mode(x, 1))


@pytest.mark.parametrize("size", [1, 2, 20])
def test_unique(size: int) -> None:
    x = torch.randint(0, 5, (size, 3))
    given = run_decompositions()[aten._unique2.default](x, True, True, True)
    equal(given, torch.unique(x, return_inverse=True, return_counts=True))


def test_no_number_equals_another() -> None:
    x = torch.tensor([torch.nan, 1.0, torch.nan, 1.0])
    equal(run_decompositions()[aten._unique.default](x), (torch.unique(x), torch.zeros(0, dtype=torch.int64)))


@pytest.mark.parametrize("dim", [None, 0, 1])
def test_unique_neighbours(dim: int | None) -> None:
    x = torch.randint(0, 2, (9, 2))
    given = run_decompositions()[aten.unique_consecutive.default](x, True, True, dim)
    equal(given, torch.unique_consecutive(x, return_inverse=True, return_counts=True, dim=dim))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_unique_slices(dim: int) -> None:
    x = torch.randint(0, 2, (7, 2, 6))
    given = run_decompositions()[aten.unique_dim.default](x, dim, True, True, True)
    equal(given, torch.unique(x, return_inverse=True, return_counts=True, dim=dim))


def test_on_the_cpu() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
            return values, inverse, counts, torch.unique_consecutive(x[0]), torch.mode(x, 1).values

    program = api.compile(Model(), (torch.randint(0, 9, (4, 6)),))
    for x in (torch.randint(0, 9, (4, 6)), torch.zeros(4, 6, dtype=torch.int64)):
        equal(program(x), Model()(x))
