"""Registers for a clock: estimated paths that fit, the same numbers, and which component is too slow."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from loop_cases import CASES, hardware, side_by_side, wanted
from side_by_side import check_hardware, random_frames
from torch import nn

import stepwell
from stepwell.backends.hls.estimate.component import path_of
from stepwell.backends.hls.estimate.handshakes import slowest_route
from stepwell.backends.hls.passes.pipeline_components import PipelineComponents
from stepwell.backends.hls.passes.size_fifos import SizeFifos
from stepwell.backends.hls.simulate import EAGER, Traffic
from stepwell.support.errors import UsageError


def compiled(clock: int) -> tuple[Any, torch.Tensor]:
    """Sums that are rounded to fewer bits, which takes long, and then those of the last layer, which are not."""
    torch.manual_seed(0)
    network, x = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)), torch.linspace(-2, 2, 24).view(3, 8)
    target = f"hls,parallelism=2x1,bits=16,rounding=half-even,weight-bits=8,clock={clock}"
    return stepwell.compile(network, (x,), target=target, calibration=[(x,)]), x


def test_a_faster_clock_costs_latency_and_no_cycles() -> None:
    (slow, x), (fast, _) = compiled(50), compiled(120)
    registers = [[getattr(c, "registers", 0) for c in f.runnable.design.computing] for f in (slow, fast)]
    assert sum(registers[0]) == 0 < sum(registers[1])
    assert all(path_of(component) <= 1000 / 120 for component in fast.runnable.design.components)
    assert "limit" not in fast.report.notes["pipeline-components"]
    assert torch.equal(slow(x), fast(x))
    assert fast.runnable.design.cycles == slow.runnable.design.cycles
    reports = [f.runnable.layer_report(5, 0) for f in (slow, fast)]
    assert reports[1].data["cycles"] == reports[1].data["bound"]
    assert reports[1].data["latency"] > reports[0].data["latency"]
    assert "keeps the clock" not in reports[1].text


def test_the_component_that_is_too_slow_is_named() -> None:
    fast, _ = compiled(400)
    limit = fast.report.notes["pipeline-components"]["limit"]
    found = re.fullmatch(r"(\w+) at (\d+) of 400 MHz by estimate", limit)
    assert found
    design = fast.runnable.design
    paths = {component.name: path_of(component) for component in design.components}
    assert paths[found[1]] == max(paths.values())
    assert int(found[2]) == round(1000 / max(paths.values()))
    route = slowest_route(design)
    assert route.ns >= max(paths.values())
    text = fast.runnable.layer_report(1, 0).text
    assert f"{route} keeps the clock at {1000 / route.ns:.0f} MHz by estimate, not 400" in text


class Chain(nn.Module):
    """A residual connection around normalisations and products: ready goes back through all of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 16), nn.LayerNorm(16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


def test_fifos_break_paths_through_several_components() -> None:
    network, x = Chain(), torch.linspace(-2, 2, 64).view(4, 16)
    slow, fast = (
        stepwell.compile(network, (x,), target=f"hls,parallelism=4x1,clock={clock}", calibration=[(x,)])
        for clock in (50, 100)
    )
    assert not any("MHz" in note for note in slow.report.notes["size-fifos"].values())
    cuts = [place for place, note in fast.report.notes["size-fifos"].items() if note.endswith("for 100 MHz")]
    assert cuts
    assert slowest_route(fast.runnable.design).ns <= 1000 / 100
    assert torch.equal(slow(x), fast(x))
    assert fast.runnable.layer_report(4, 0).data["cycles"] == fast.runnable.design.cycles


def test_a_path_that_no_fifo_shortens_is_named() -> None:
    fast, _ = compiled(400)
    route = slowest_route(fast.runnable.design)
    limit = fast.report.notes["size-fifos"].get("limit", "")
    assert bool(route.pins) == bool(limit)


def test_a_clock_is_positive() -> None:
    with pytest.raises(UsageError, match="option 'clock' of pass 'pipeline-components' is a positive number of MHz"):
        PipelineComponents(0)
    with pytest.raises(UsageError, match="option 'clock' of pass 'size-fifos' is a number of MHz, or 0"):
        SizeFifos(-1)


def test_loops_take_a_register_behind_their_counters() -> None:
    cases = {"stencil": CASES["stencil"]}
    plain = side_by_side(cases)
    held = replace(plain, components=tuple(replace(loops, registers=1) for loops in plain.components))
    (before,), (after,) = plain.components, held.components
    assert path_of(after) < path_of(before)
    assert (after.cycles, after.latency) == (before.cycles, before.latency + 1)
    frames = random_frames(held, 0, lambda name, low, high: (low, high))
    names = [sink.port.name for sink in held.outputs]
    check_hardware(hardware(held), frames, names, wanted(cases, held, frames), EAGER)


def test_adder_trees_take_registers_behind_their_levels() -> None:
    torch.manual_seed(0)
    network, x = nn.Sequential(nn.Linear(112, 4), nn.ReLU(), nn.Linear(4, 3)), torch.randn(2, 112)
    slow, fast = (
        stepwell.compile(network, (x,), target=f"hls,multipliers=60,clock={clock}", calibration=[(x,)])
        for clock in (50, 95)
    )
    layers = [f.runnable.design.computing[0] for f in (slow, fast)]
    assert path_of(layers[0]) > 1000 / 95 >= path_of(layers[1])
    assert layers[1].latency == layers[0].latency + layers[1].registers
    assert fast.runnable.layer_report(4, 0).data["cycles"] == fast.runnable.design.cycles
    (port,) = fast.runnable.design.inputs
    frames = {port.name: np.random.default_rng(0).integers(-128, 128, (5, *port.shape)).astype(np.int8)}
    wanted = slow.runnable.simulator.run(frames).outputs
    for traffic in (EAGER, Traffic(50, 50, 1), Traffic(90, 20, 2), Traffic(70, 70, 3, reset_at=30)):
        np.testing.assert_array_equal(fast.runnable.simulator.run(frames, traffic).outputs, wanted)


def test_rows_take_registers_that_change_no_number() -> None:
    torch.manual_seed(0)
    network, x = nn.Sequential(nn.LayerNorm(16), nn.Softmax(-1)), torch.randn(3, 16)
    slow, fast = (
        stepwell.compile(network, (x,), target=f"hls,parallelism=4x4,clock={clock}", calibration=[(x,)])
        for clock in (50, 100)
    )
    kinds = {c.kind: c for c in fast.runnable.design.computing if getattr(c, "registers", 0)}
    assert "normalize" in kinds
    assert all(path_of(component) <= 1000 / 100 for component in kinds.values())
    assert fast.runnable.design.cycles == slow.runnable.design.cycles
    assert torch.equal(slow(x), fast(x))
    assert fast.runnable.layer_report(4, 0).data["cycles"] == fast.runnable.design.cycles
