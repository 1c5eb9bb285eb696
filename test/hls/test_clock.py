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
from stepwell.backends.hls.passes.pipeline_components import PipelineComponents
from stepwell.backends.hls.simulate import EAGER, Traffic
from stepwell.support.errors import UsageError


class Gate(nn.Module):
    """Products that are rounded to fewer bits, which takes long; the layer's few bits take less."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x * self.layer(x))


def compiled(clock: int) -> tuple[Any, torch.Tensor]:
    network, x = Gate(), torch.linspace(-2, 2, 24).view(3, 8)
    target = f"hls,parallelism=2x1,bits=12,weight-bits=2,rounding=half-even,clock={clock}"
    return stepwell.compile(network, (x,), target=target, calibration=[(x,)]), x


def test_a_faster_clock_costs_latency_and_no_cycles() -> None:
    (slow, x), (fast, _) = compiled(50), compiled(115)
    registers = [[getattr(c, "registers", 0) for c in f.runnable.design.computing] for f in (slow, fast)]
    assert sum(registers[0]) == 0 < sum(registers[1])
    assert all(path_of(component) <= 1000 / 115 for component in fast.runnable.design.components)
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
    paths = {component.name: path_of(component) for component in fast.runnable.design.components}
    assert found[1] == max(paths, key=lambda name: paths[name])
    assert int(found[2]) == round(1000 / max(paths.values()))
    text = fast.runnable.layer_report(1, 0).text
    assert f"{found[1]} keeps the clock at {found[2]} MHz by estimate, not 400" in text


def test_a_clock_is_positive() -> None:
    with pytest.raises(UsageError, match="option 'clock' of pass 'pipeline-components' is a positive number of MHz"):
        PipelineComponents(0)


def test_loops_take_a_register_behind_their_counters() -> None:
    cases = {"convolution": CASES["convolution"]}
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
        for clock in (50, 105)
    )
    kinds = {c.kind: c for c in fast.runnable.design.computing if getattr(c, "registers", 0)}
    assert kinds.keys() >= {"normalize", "softmax"}
    assert all(path_of(component) <= 1000 / 105 for component in kinds.values())
    assert fast.runnable.design.cycles == slow.runnable.design.cycles
    assert torch.equal(slow(x), fast(x))
    assert fast.runnable.layer_report(4, 0).data["cycles"] == fast.runnable.design.cycles
