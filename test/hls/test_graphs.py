"""Float models that are no chains: residual connections, several results, inputs read twice; numbers and cycles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import stepwell
from stepwell.backends.hls import verilate
from stepwell.backends.hls.boundary import enter


class Graph(nn.Module):
    """``kind`` says what it computes from rows of 8."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.kind = kind
        self.first, self.second, self.third = nn.Linear(8, 12), nn.Linear(12, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> Any:
        if self.kind == "nested":
            y = torch.relu(self.third(x))
            return y + torch.relu(y + self.second(torch.relu(self.first(y))))
        if self.kind == "results":
            y = torch.relu(self.first(x))
            return y, self.second(y), torch.relu(self.third(x))
        return torch.relu(self.third(x)) + torch.relu(self.second(torch.relu(self.first(x))))


KINDS = ("nested", "results", "twice")


@pytest.fixture(scope="module", params=KINDS)
def compiled(request: pytest.FixtureRequest) -> Any:
    model, x = Graph(request.param), torch.randn(6, 8)
    return model, x, stepwell.compile(model, (x,), target="hls", calibration=[(x,)])


def test_near_to_floats(compiled: Any) -> None:
    model, x, function = compiled
    results, wanted = function(x), model(x)
    results, wanted = (r if isinstance(r, tuple) else (r,) for r in (results, wanted))
    for result, want in zip(results, wanted, strict=True):
        assert (result - want).abs().max() < 0.05 * want.abs().max()


def test_lint_finds_nothing(compiled: Any) -> None:
    _, _, function = compiled
    assert verilate.lint(function.runnable.design.top, function.runnable.simulator.sources) == ""


def test_a_frame_takes_what_its_slowest_layer_takes(compiled: Any) -> None:
    _, _, function = compiled
    design, simulator = function.runnable.design, function.runnable.simulator
    (port,) = design.inputs

    def cycles(count: int) -> int:
        frames = [torch.randn(6, 8).numpy() for _ in range(count)]
        return int(simulator.run({port.name: np.stack([enter(frame, port) for frame in frames])}).cycles)

    assert (cycles(9) - cycles(3)) / 6 == design.cycles
