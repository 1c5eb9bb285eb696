"""Elements one after another into the places of a mask, of any sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim

from stepwell.support.errors import ExecutionError


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        return x.masked_scatter(mask, source)


def test_any_sizes(imported: Callable[..., Any]) -> None:
    def arguments(height: int, width: int, count: int) -> tuple[torch.Tensor, ...]:
        return torch.randn(height, width), torch.rand(height, 1) > 0.5, torch.randn(count)

    shapes = ({0: Dim.AUTO, 1: Dim.AUTO}, {0: Dim.AUTO}, {0: Dim.AUTO})
    model = imported(Model(), arguments(3, 4, 12), dynamic_shapes=shapes)
    for sizes in ((3, 5, 15), (6, 2, 14)):
        given = arguments(*sizes)
        torch.testing.assert_close(model(*given), Model()(*given))
    with pytest.raises(ExecutionError):
        model(torch.randn(3, 6), torch.ones(3, 1, dtype=torch.bool), torch.randn(12))
