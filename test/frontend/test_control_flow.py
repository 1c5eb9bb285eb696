"""Branches on values: torch.cond computes what the model does; loops are refused, as upstream makes them endless."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from stepwell.frontend.load import load_program
from stepwell.support.errors import ImportFailure


class Chooses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda y: self.linear(y), lambda y: y - 1, (x,)) * 2


def test_cond(imported: Callable[..., Any]) -> None:
    source = Chooses()
    x = torch.rand(2, 3)
    model = imported(source, (x,))
    for value in (x, -x):
        torch.testing.assert_close(model(value), source(value).detach())


class Loops(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        start = torch.tensor(0)
        return torch._higher_order_ops.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (start, x))[1]


def test_while_loop_is_refused() -> None:
    with pytest.raises(ImportFailure, match=r"while_loop can't be compiled") as caught:
        load_program(Loops(), (torch.rand(2),))
    assert "test_control_flow.py:" in (caught.value.where or "")
