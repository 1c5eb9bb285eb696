"""New values of states: written where the old ones lie, or copied there where those are still read."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_mlir import ir

from stepwell.driver import api
from stepwell.driver.verify import verify


class Model(nn.Module):
    """A function of an input and two states, which gives a result and the new states."""

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("a", torch.randn(6, 5))
        self.register_buffer("b", torch.randn(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        result, a, b = self.function(x, self.a.clone(), self.b.clone())
        self.a.copy_(a)
        self.b.copy_(b)
        return result


class Cache(nn.Module):
    """Keys are written at a computed place; all of them are read."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(2, 8, 4))

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        self.keys.index_copy_(1, place, x)
        return self.keys @ x.transpose(1, 2)


def plan_of(model: nn.Module, *inputs: Tensor) -> Any:
    module = api.lower(model, inputs, target="cuda", to="backend")
    return json.loads(ir.StringAttr(module.operation.attributes["stepwell.launches"]).value)["main"]


def check(model: nn.Module, *inputs: Tensor) -> None:
    report = verify(model, inputs, target="cuda")
    assert report.passed
    assert report.rows[-1].stage == "kernels"


W = torch.randn(5, 5)

IN_PLACE = {
    "elementwise": lambda x, a, b: (x * 2, a * 0.9 + x, (b.T + 1).T),
    "behind a product that reads it": lambda x, a, b: (a @ W, a + 1, b - a @ W),
    "constants": lambda x, a, b: (x + a, torch.ones(6, 5), torch.ones(6, 5)),
    "the old value is a result": lambda x, a, b: (a, a + x, b + 1),
    "in another shape": lambda x, a, b: (x * 2, (a.reshape(5, 6) + x.reshape(5, 6)).reshape(6, 5), b.relu()),
}

COPIED = {
    "an old value with the new one": lambda x, a, b: ((a * 2 + x).sum(0) + a.flip(0), a * 2 + x, b + 1),
    "another element": lambda x, a, b: (x * 2, a.flip(0), b + 1),
    "a mean": lambda x, a, b: (x * 2, a - a.mean(1, keepdim=True), b + 1),
    "a result as well": lambda x, a, b: (a + x, a + x, b + 1),
    "an input": lambda x, a, b: (x * 2, x, b + 1),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_new_values_where_the_old_ones_lie(name: str) -> None:
    model, x = Model(IN_PLACE[name]), torch.randn(6, 5)
    assert plan_of(model, x)["states"] == {}
    check(model, x)


@pytest.mark.parametrize("name", COPIED)
def test_old_values_that_are_still_read(name: str) -> None:
    model, x = Model(COPIED[name]), torch.randn(6, 5)
    assert list(plan_of(model, x)["states"]) == ["a"]
    check(model, x)


def test_states_that_change_places() -> None:
    model, x = Model(lambda x, a, b: (x + a, b, a)), torch.randn(6, 5)
    assert len(plan_of(model, x)["states"]) == 1, "one is kept meanwhile"
    check(model, x)


def test_a_cache_is_written_without_a_copy() -> None:
    model, inputs = Cache(), (torch.randn(2, 1, 4), torch.tensor([3]))
    plan = plan_of(model, *inputs)
    assert plan["states"] == {}
    (state,) = (number for number, buffer in enumerate(plan["buffers"]) if buffer["kind"] == "state")
    names = [
        launch["kernel"].partition("_")[0] for launch in plan["launches"] if {"buffer": state} in launch["arguments"]
    ]
    assert names[0] == "scatter", "no kernel copies the cache before"
    check(model, *inputs)
