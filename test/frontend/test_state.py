"""Buffers that a model changes hold PyTorch's values after several calls."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from stepwell.frontend.load import load_program
from stepwell.support.errors import ImportFailure


class Stateful(nn.Module):
    """A counter, a static cache written at a position, and batch normalisation in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("cache", torch.zeros(2, 5, 3), persistent=False)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: torch.Tensor, position: torch.Tensor) -> Any:
        self.count += 1
        self.cache.index_copy_(1, position, x.unsqueeze(1))
        return self.norm(x) + self.cache.sum(1), self.count, self.cache[:, :2]


def test_states_after_several_calls(imported: Callable[..., Any]) -> None:
    source = Stateful().train()
    ours = imported(copy.deepcopy(source), (torch.randn(2, 3), torch.tensor([0])))
    states = [spec.name for spec in ours.signature.states]
    assert sorted(states) == ["cache", "count", "norm.num_batches_tracked", "norm.running_mean", "norm.running_var"]
    function = ours.program.module.body.operations[0].operation
    arguments = [str(mark) for mark in function.attributes["arg_attrs"]]
    kinds = [text.split("stepwell.")[1].split(" ")[0] for text in arguments]
    assert kinds == sorted(kinds, key=["input", "state", "parameter"].index), "inputs, states, parameters"
    results = [str(mark) for mark in function.attributes["res_attrs"]]
    assert [name for name in states if any(f'stepwell.state = "{name}"' in text for text in results)] == states
    for position in range(4):
        x = torch.randn(2, 3)
        expected = source(x, torch.tensor([position]))
        torch.testing.assert_close(ours(x, torch.tensor([position])), expected)
    for name, value in source.named_buffers():
        torch.testing.assert_close(torch.from_numpy(ours.states[name]).reshape(value.shape), value)


class EqualStates(nn.Module):
    """Two buffers get one value, a third what one of them holds then."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("first", "second", "third", "sum"):
            self.register_buffer(name, torch.ones(3))

    def forward(self, x: torch.Tensor) -> Any:
        self.first.copy_(x)
        self.second.copy_(x)
        half = self.second.mul_(0.5)
        self.third.copy_(half)
        return self.third + x, self.sum.add_(x)


def test_states_with_one_value(imported: Callable[..., Any]) -> None:
    source = EqualStates()
    ours = imported(copy.deepcopy(source), (torch.randn(3),))
    for _ in range(2):
        x = torch.randn(3)
        torch.testing.assert_close(ours(x), source(x))
    for name, value in source.named_buffers():
        torch.testing.assert_close(torch.from_numpy(ours.states[name]), value)


class Writes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x.add_(1)
        return x * 2


def test_writing_an_argument_is_refused() -> None:
    with pytest.raises(ImportFailure, match="writes into its argument 'x'") as caught:
        load_program(Writes(), (torch.zeros(2),))
    assert "test_state.py:" in str(caught.value)
