"""Pooling without a batch, on the CPU beside PyTorch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
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
