"""Branches on values: torch.cond computes what the model does; loops end, also those whose first test is known."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import stepwell


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


class HandsOn(nn.Module):
    """Branches that compute nothing, or only one of their results."""

    def forward(self, go: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        def first(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return x.clone(), y.relu(), x.new_full((3,), 2.0), x.int()

        def second(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return y.clone(), y.clone(), x.new_full((3,), 5.0), y.int()

        return torch.cond(go, first, second, (x, y))  # type: ignore[no-any-return]


@pytest.mark.parametrize("dynamic", [False, True])
def test_branches_that_hand_values_on(dynamic: bool) -> None:
    source, n = HandsOn(), torch.export.Dim("n")
    shapes = (None, {0: n}, {0: n}) if dynamic else None
    example = (torch.tensor(True), torch.randn(4), torch.randn(4))
    compiled = stepwell.compile(source, example, dynamic_shapes=shapes)
    for go in (True, False):
        for size in (4, 7) if dynamic else (4,):
            inputs = torch.tensor(go), torch.randn(size), torch.randn(size)
            for mine, right in zip(compiled(*inputs), source(*inputs), strict=True):
                assert torch.equal(mine, right)


class Loops(nn.Module):
    """``x`` times 2 to the power of ``count``, which is a number or comes with the call."""

    def __init__(self, count: int | None = None) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        stop = count if self.count is None else self.count
        start = torch.zeros_like(count) if self.count is None else torch.tensor(0)
        return torch._higher_order_ops.while_loop(lambda i, _: i < stop, lambda i, y: (i + 1, y * 2), (start, x))[1]


def test_a_loop_of_as_many_steps_as_a_tensor_says(imported: Callable[..., Any]) -> None:
    x = torch.rand(2)
    model = imported(Loops(), (x, torch.tensor(3)))
    for count in (3, 0, 1):
        torch.testing.assert_close(model(x, torch.tensor(count)), x * 2**count)


@pytest.mark.parametrize("count", [3, 0])
def test_a_loop_whose_first_test_is_known(imported: Callable[..., Any], count: int) -> None:
    x = torch.rand(2)
    model = imported(Loops(count), (x, torch.tensor(7)))
    torch.testing.assert_close(model(x, torch.tensor(7)), x * 2**count)


def test_branches_and_loops_where_sizes_vary() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
            x = torch.cond(count > 2, lambda y: self.linear(y), lambda y: y - 1, (x,))
            start = torch.zeros_like(count), x
            return torch.while_loop(lambda i, _: i < count, lambda i, y: (i + 1, self.linear(y).tanh()), start)[1]

    source, x = Both(), torch.rand(4, 3)
    compiled = stepwell.compile(source, (x, torch.tensor(3)), dynamic_shapes=({0: torch.export.Dim("rows")}, None))
    for rows, count in [(4, 3), (1, 0), (0, 2)]:
        inputs = x[:rows], torch.tensor(count)
        torch.testing.assert_close(compiled(*inputs), source(*inputs).detach())
