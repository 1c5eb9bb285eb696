"""Branches on sizes, where torch.export writes an inequality down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from stepwell.frontend.load import load_program
from stepwell.support.errors import ImportFailure


class One(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


class Two(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return self.function(*tensors)


def padded(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.pad(x, (0, 4 - x.shape[0] % 4)) if x.shape[0] % 4 != 0 else x


@pytest.mark.parametrize(
    ("function", "size"),
    [
        (padded, 7),
        (lambda x: x + 1 if x.shape[0] % 4 < 2 else x * 2, 5),
        (lambda x: x + 1 if x.shape[0] != 5 else x * 2, 4),
    ],
)
def test_a_branch_on_a_size_is_refused(function: Callable[[torch.Tensor], torch.Tensor], size: int) -> None:
    with pytest.raises(ImportFailure, match=r"only works for sizes with \(?x\.shape\[0\]"):
        load_program(One(function), (torch.randn(size),), dynamic_shapes=({0: Dim.AUTO},))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x[: y.shape[0]] if x.shape[0] > y.shape[0] else x * 2,
        lambda x, y: x + 1 if x.shape[0] != y.shape[0] else x * 2,
        lambda x, y: x + 1 if x.shape[0] * y.shape[0] > 10 else x * 2,
    ],
)
def test_a_branch_on_two_sizes_is_refused(function: Callable[..., torch.Tensor]) -> None:
    shapes = (({0: Dim.AUTO}, {0: Dim.AUTO}),)
    with pytest.raises(ImportFailure, match=r"only works for sizes with tensors\[[01]\]\.shape"):
        load_program(Two(function), (torch.randn(6), torch.randn(3)), dynamic_shapes=shapes)


def test_a_branch_that_changes_nothing_is_not(imported: Callable[..., Any]) -> None:
    source = One(lambda x: x + x if x.shape[0] % 3 > 0 else x * 2)
    model = imported(source, (torch.randn(4),), dynamic_shapes=({0: Dim.AUTO},))
    for size in (3, 5):
        x = torch.randn(size)
        torch.testing.assert_close(model(x), source(x))


def test_sizes_that_the_model_refuses_are_not_tried(imported: Callable[..., Any]) -> None:
    """As of a table of positions, of which there must be enough."""
    source = Two(lambda x, table: x + table[: x.shape[0]])
    shapes = (({0: Dim.AUTO}, {0: Dim.AUTO}),)
    model = imported(source, (torch.randn(4), torch.randn(9)), dynamic_shapes=shapes)
    for count, positions in ((4, 9), (9, 9)):
        given = torch.randn(count), torch.randn(positions)
        torch.testing.assert_close(model(*given), source(*given))


class Places(nn.Module):
    def forward(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return x[places] if x.shape[0] > places.shape[0] else x[places] + 1


def test_places_are_cut_with_what_they_are_in() -> None:
    shapes = ({0: Dim.AUTO}, {0: Dim.AUTO})
    with pytest.raises(ImportFailure, match=r"only works for sizes with x\.shape\[0\] > places\.shape\[0\]"):
        load_program(Places(), (torch.randn(8), torch.tensor([1, 7, 5])), dynamic_shapes=shapes)
