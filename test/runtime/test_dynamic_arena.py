"""The arena of a model with dynamic sizes: a formula, kept by the session, grown at a new maximum only."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

import stepwell
from stepwell.support.errors import ExecutionError


class Chain(torch.nn.Module):
    """Temporaries of several shapes whose order of size depends on the inputs; none is private to a thread."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = torch.nn.Linear(8, 48)
        self.back = torch.nn.Linear(48, 8)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        scores = torch.sigmoid(x @ y.transpose(0, 1))
        mixed = scores @ y
        hidden = self.back(torch.relu(self.wide(mixed + x)))
        return torch.sigmoid(hidden @ hidden.transpose(0, 1)) @ torch.cumsum(hidden, 0)


@pytest.fixture(scope="module")
def chain() -> tuple[torch.nn.Module, Any]:
    """The model and its compilation, both sizes dynamic."""
    torch.manual_seed(0)
    model = Chain().eval()
    n, m = torch.export.Dim("n", min=0, max=1 << 40), torch.export.Dim("m", min=0, max=1 << 40)
    args = (torch.randn(6, 8), torch.randn(9, 8))
    return model, stepwell.compile(model, args, dynamic_shapes=({0: n}, {0: m}), cache=False)


def check(model: torch.nn.Module, compiled: Any, n: int, m: int) -> None:
    x, y = torch.randn(n, 8), torch.randn(m, 8)
    with torch.no_grad():
        expected = model.double()(x.double(), y.double())
    model.float()
    scale = float(expected.abs().amax()) if n else 1.0  # entries near zero are differences of terms of this size
    torch.testing.assert_close(compiled(x, y).double(), expected, rtol=1e-4, atol=1e-6 * scale)


def test_twenty_random_sizes(chain: tuple[torch.nn.Module, Any]) -> None:
    rng = random.Random(0)
    for n, m in [(0, 3), (3, 1), (1, 1), (0, 1), *((rng.randrange(90), rng.randrange(1, 90)) for _ in range(20))]:
        check(*chain, n, m)


def test_memory_is_taken_at_a_new_maximum_only(chain: tuple[torch.nn.Module, Any]) -> None:
    model, compiled = chain
    session = compiled.new_session()
    statistics = session._handle.statistics

    def run(n: int, m: int) -> None:
        check(model, session, n, m)

    run(40, 70)
    before = statistics()
    for n, m in [(39, 70), (1, 1), (40, 3), (17, 64), (40, 70)]:
        run(n, m)
    assert statistics()["system_allocations"] == before["system_allocations"]
    assert statistics()["arena_bytes"] == before["arena_bytes"]
    run(41, 71)
    grown = statistics()
    assert grown["system_allocations"] == before["system_allocations"] + 1
    assert grown["arena_bytes"] > before["arena_bytes"]


def test_the_report_states_the_formula(chain: tuple[torch.nn.Module, Any]) -> None:
    facts = chain[1].report.notes["plan-memory"]["main"]
    assert facts["dynamic_buffers"] > 0
    assert "x[0]" in facts["dynamic_bytes"] and "up(" in facts["dynamic_bytes"]
    assert "heap_by_data" not in facts


def test_sizes_beyond_all_memory_are_refused() -> None:
    class Outer(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.cumsum(x.sum(1)[:, None] + y.sum(1)[None, :], 0).amax(0).sum()

    n, m = torch.export.Dim("n", max=1 << 40), torch.export.Dim("m", max=1 << 40)
    args = (torch.zeros(3, 0), torch.zeros(4, 0))
    outer = stepwell.compile(Outer(), args, dynamic_shapes=({0: n}, {0: m}), cache=False)
    for rows, columns in [(1 << 40, 1 << 40), (1 << 32, 1 << 32), (1 << 31, 1 << 30)]:
        with pytest.raises(ExecutionError, match=r"out of memory: temporaries of \d+ bytes could not be allocated"):
            outer(torch.zeros(rows, 0), torch.zeros(columns, 0))
    torch.testing.assert_close(outer(*args), torch.tensor(0.0))


def test_sizes_by_data_stay_on_the_heap_and_are_counted() -> None:
    class Selected(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cumsum(torch.nonzero(x).float(), 0).sum()

    compiled = stepwell.compile(Selected(), (torch.randn(7),), cache=False)
    x = torch.randn(7)
    torch.testing.assert_close(compiled(x), Selected()(x))
    assert compiled.report is not None
    assert compiled.report.notes["plan-memory"]["main"]["heap_by_data"] > 0
