"""Composite operators of any size; ``tensor_split`` and ``max_pool1d`` are with splits and pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from stepwell.frontend.load import load_program
from stepwell.support.errors import ImportFailure


class Taken(nn.Module):
    def forward(self, x: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.take_along_dim(x, places, 1), torch.take_along_dim(x, places.reshape(-1))


def test_elements_at_places(imported: Callable[..., Any]) -> None:
    def arguments(batch: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(batch, length, 3), torch.randint(0, length, (batch, 2, 1))

    model = imported(Taken(), arguments(3, 7), dynamic_shapes=({0: Dim.AUTO, 1: Dim.AUTO}, {0: Dim.AUTO}))
    for sizes in ((3, 5), (6, 9)):
        given = arguments(*sizes)
        torch.testing.assert_close(model(*given), Taken()(*given))


def test_places_of_another_rank_are_refused() -> None:
    with pytest.raises(ImportFailure, match="should have the same number of dimensions"):
        load_program(Taken(), (torch.randn(2, 3), torch.tensor([0])))
