"""Parts of a dimension of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from stepwell.frontend.load import load_program
from stepwell.support.errors import ImportFailure


class Parts(nn.Module):
    def __init__(self, split: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.split = split

    def forward(self, x: torch.Tensor) -> Any:
        return self.split(x)


SPLITS: list[Callable[[torch.Tensor], Any]] = [
    lambda x: x.chunk(2, 1),
    lambda x: torch.unsafe_chunk(x, 2, 1)[1],
    lambda x: x.split([2, x.shape[1] - 3, 1], 1)[1],
    lambda x: x.tensor_split(3, -1),
]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("size", [16, 17])
def test_parts(imported: Callable[..., Any], split: Callable[[torch.Tensor], Any], size: int) -> None:
    model = imported(Parts(split), (torch.randn(2, size),), dynamic_shapes=({0: Dim.AUTO, 1: Dim.AUTO},))
    for sizes in [(2, 17), (1, 16), (0, 8), (3, 4)]:
        x = torch.randn(sizes)
        torch.testing.assert_close(model(x), split(x))


def test_parts_of_a_known_size(imported: Callable[..., Any]) -> None:
    model = imported(Parts(lambda x: x.tensor_split(4, 1)), (torch.randn(2, 3),), dynamic_shapes=({0: Dim.AUTO},))
    x = torch.randn(5, 3)
    torch.testing.assert_close(model(x), x.tensor_split(4, 1))


def test_no_parts_are_refused_as_by_pytorch() -> None:
    with pytest.raises(ImportFailure, match="number of sections must be larger than 0"):
        load_program(Parts(lambda x: x.tensor_split(0)), (torch.randn(4),))


@pytest.mark.parametrize("split", [lambda x: x.chunk(3), lambda x: x.split(2)])
def test_as_many_parts_as_the_size_asks_for_are_refused(split: Callable[[torch.Tensor], Any]) -> None:
    with pytest.raises(ImportFailure, match="only works for sizes with"):
        load_program(Parts(split), (torch.randn(16),), dynamic_shapes=({0: Dim.AUTO},))


def test_sizes_are_tried_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    """At some of them the graph has fewer parts and raises, which torch would show with a traceback."""
    load_program(
        Parts(lambda x: x.chunk(2, 1)[0].sum(1)), (torch.randn(2, 17),), dynamic_shapes=({0: Dim.AUTO, 1: Dim.AUTO},)
    )
    assert capfd.readouterr().err == ""
