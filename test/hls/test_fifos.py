"""FIFOs by analysis: simulated frames take as long as the slowest component needs; without them the graph hangs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from random_graphs import RandomGraph
from side_by_side import build

from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.describe import describe
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.passes.size_fifos import SizeFifos
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.passes.base import PassContext
from stepwell.support.errors import ExecutionError

# Seeds of graphs of 10 components on 2 rows.
SEEDS = (1, 2)


def design_of(graph: RandomGraph, *, fifos: bool = True) -> Design:
    if fifos:
        with graph.module.context:
            SizeFifos().run(graph.module.operation, PassContext())
    return describe(graph.module.operation)


@pytest.fixture(scope="module", params=SEEDS)
def case(request: pytest.FixtureRequest) -> Any:
    graph = RandomGraph(request.param, 10, 2)
    design = design_of(graph)
    simulator = build(design)
    simulator.memories = design.memory_files(graph.parameters)
    return graph, design, simulator


def run(graph: RandomGraph, simulator: Simulator, count: int, traffic: Traffic = EAGER) -> int:
    """Cycles of ``count`` frames, whose results are compared with the components' references."""
    frames: Array = np.random.default_rng(count).integers(-128, 128, (count, *graph.shape)).astype(np.int8)
    result = simulator.run({"x": frames}, traffic)
    for number, frame in enumerate(frames):
        for got, want in zip(result.outputs, simulator.design.reference({"x": frame}, graph.parameters), strict=True):
            np.testing.assert_array_equal(got[number], want)
    return result.cycles


def test_no_stall_that_a_deeper_fifo_would_remove(case: Any) -> None:
    graph, design, simulator = case
    assert any(component.kind == "fifo" for component in design.components)
    assert (run(graph, simulator, 12) - run(graph, simulator, 4)) / 8 == design.cycles


@pytest.mark.parametrize("traffic", [Traffic(50, 100, 1), Traffic(100, 30, 2), Traffic(30, 60, 3)])
def test_any_traffic(case: Any, traffic: Traffic) -> None:
    graph, _, simulator = case
    run(graph, simulator, 3, traffic)


def test_without_them_it_hangs() -> None:
    graph = RandomGraph(SEEDS[0], 10, 2)
    simulator = build(design_of(graph, fifos=False))
    simulator.memories = simulator.design.memory_files(graph.parameters)
    with pytest.raises(ExecutionError, match="no end after"):
        run(graph, simulator, 1)
