"""Pooling without a batch and along a dimension of any size, beside PyTorch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim
from torch.nn import functional as F

import stepwell


class Pool(torch.nn.Module):
    def __init__(self, function: Callable[..., Any], size: object) -> None:
        super().__init__()
        self.function, self.size = function, size

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x, self.size, return_indices=True)


def check(function: Callable[..., Any], size: object, x: torch.Tensor) -> None:
    model = Pool(function, size)
    torch.testing.assert_close(stepwell.compile(model, (x,))(x), model(x))


@pytest.mark.parametrize("function", [F.max_pool1d, F.max_pool2d, F.max_pool3d, F.adaptive_max_pool1d])
def test_without_a_batch(function: Callable[..., Any]) -> None:
    rank = int(function.__name__[-2])
    check(function, 2, torch.randn(3, *[4] * rank))


@pytest.mark.parametrize("indices", [False, True])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_a_line_of_any_length(imported: Callable[..., Any], indices: bool, ceil_mode: bool) -> None:
    """Of which PyTorch's own takes the example's."""
    source = torch.nn.MaxPool1d(3, 2, padding=1, return_indices=indices, ceil_mode=ceil_mode)
    model = imported(source, (torch.randn(2, 3, 11),), dynamic_shapes=({0: Dim.AUTO, 2: Dim.AUTO},))
    for batch, length in ((1, 8), (4, 13)):
        x = torch.randn(batch, 3, length)
        torch.testing.assert_close(model(x), source(x))
