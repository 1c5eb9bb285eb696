"""Integer models of which some parts are components and others loops: one graph, in Verilator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import stepwell
from stepwell.backends.hls.simulate import EAGER, Traffic

I32 = torch.int32


def integers(*shape: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(-128, 128, shape, dtype=torch.int8, generator=random)


def narrowed(sums: torch.Tensor, shift: int) -> torch.Tensor:
    return torch.clamp(sums >> shift, -128, 127).to(torch.int8)


class Weighted(nn.Module):
    """Two weights."""

    def __init__(self, first: tuple[int, int], second: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("first", integers(*first, seed=1))
        self.register_buffer("second", integers(*second, seed=2))


class Between(Weighted):
    """Products of neighbours between two layers; they leave as well."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        hidden = narrowed(torch.matmul(x.to(I32), self.first.to(I32)), 8)
        pairs = narrowed(hidden[:, :-1].to(I32) * hidden[:, 1:].to(I32), 6)
        return torch.matmul(pairs.to(I32), self.second.to(I32)), pairs


class Before(Weighted):
    """Squares of what comes in, by a weight that loops read, in front of a layer that reads them beside the input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        squares = narrowed(x.to(I32) * x.to(I32) * self.first[:1].to(I32), 14)
        return torch.matmul(squares.to(I32), self.second.to(I32)) - torch.matmul(x.to(I32), self.second.to(I32))


class Attention(Weighted):
    """A product of two streams, which integer layers have no component for, between layers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = narrowed(torch.matmul(x.to(I32), self.first.to(I32)), 8)
        scores = narrowed(torch.matmul(hidden.to(I32), x.to(I32).t()), 9)
        return torch.matmul(scores.to(I32), self.second.to(I32))


class Convolution(Weighted):
    """An image, whose convolution is loops, in front of a layer that reads it as a row."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel = self.first.view(3, 1, 3, 3)
        sums = nn.functional.conv2d(x.to(I32), kernel.to(I32))
        return torch.matmul(narrowed(sums, 9).flatten(1).to(I32), self.second.to(I32))


class Flattened(Weighted):
    """Loops alone; their result leaves in another shape."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.to(I32) * x.to(I32) + self.first.to(I32)).view(-1, 2)


CASES: dict[str, tuple[nn.Module, tuple[int, ...], dict[str, int]]] = {
    "between": (Between((12, 7), (6, 5)), (4, 12), {"linear": 2, "loops": 1}),
    "before": (Before((8, 8), (8, 6)), (3, 8), {"linear": 2, "loops": 2}),
    "attention": (Attention((8, 8), (5, 4)), (5, 8), {"linear": 2, "loops": 1}),
    "convolution": (Convolution((3, 9), (48, 10)), (1, 1, 6, 6), {"linear": 1, "loops": 1}),
    "flattened": (Flattened((4, 6), (1, 1)), (4, 6), {"linear": 0, "loops": 1}),
    "one": (Between((1, 2), (1, 1)), (1, 1), {"linear": 2, "loops": 1}),
}


@pytest.mark.parametrize("name", CASES)
def test_layers_and_loops_are_one_graph(name: str) -> None:
    model, shape, kinds = CASES[name]
    hardware = stepwell.compile(model, (integers(*shape),), target="hls")
    reference = stepwell.compile(model, (integers(*shape),), target="hls,simulator=interpreter")
    design = hardware.runnable.design
    assert {kind: [c.kind for c in design.components].count(kind) for kind in kinds} == kinds
    assert all("no component" in why for why in hardware.report.notes["linalg-to-stream"].values())
    inputs = [integers(*shape, seed=seed) for seed in range(5)]
    wanted = [tuple_of(model(x)) for x in inputs]
    for x, results in zip(inputs, wanted, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(tuple_of(reference(x)), results, strict=True))
    for traffic in (EAGER, Traffic(70, 60, 1), Traffic(30, 100, 2), Traffic(90, 90, 3, reset_at=40)):
        (port,) = design.inputs
        result = hardware.runnable.simulator.run({port.name: np.stack([x.numpy() for x in inputs])}, traffic)
        for place, outputs in enumerate(result.outputs):
            np.testing.assert_array_equal(outputs, np.stack([w[place].numpy() for w in wanted]))
        if traffic == EAGER:
            # Where a nest takes as long as its frames, loops need some cycles more to change halves of memories.
            assert result.cycles - result.latency <= (len(inputs) - 1) * (design.cycles + 4)


def tuple_of(value: Any) -> tuple[torch.Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def test_a_budget_spreads_layers_beside_loops() -> None:
    model, shape, _ = CASES["between"]
    compiled = stepwell.compile(model, (integers(*shape),), target="hls,simulator=interpreter,multipliers=30")
    parts = {c.name: c for c in compiled.runnable.design.computing}
    assert parts["linear0"].cycles <= parts["loops0"].cycles
    assert compiled.runnable.design.multipliers <= 30
