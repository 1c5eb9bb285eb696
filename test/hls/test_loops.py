"""Loop nests in Verilator against plain numpy: shapes, intervals, banks, stalls, resets; cycles at steady state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loop_cases import CASES, hardware, side_by_side, wanted
from loop_shapes import SIBLINGS, TRIANGLE
from side_by_side import TRAFFIC, check_hardware, check_reference, random_frames
from torch_mlir import ir

from stepwell.backends.hls import verilate
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.dialects.context import make_context
from stepwell.passes.base import PassContext
from stepwell.passes.hardware.loops.pipeline import loop_passes
from stepwell.passes.runner import run_element

#: Multiplications by multipliers.
BOUNDS = {
    "matmul-8x8x8-one": 512,
    "matmul-8x8x8-by-4x2": 64,
    "matmul-3x7x5-by-7x5": 3,
    "matmul-30x30x30-by-5x6": 900,
    "fir": 5000,
    "convolution": 3240,
    "convolution-by-3x4": 270,
    "siblings": 96,
    "siblings-by-4x2": 36,
    "triangle": 22,
    "triangles": 2 * 56,
    "least": 16,
    "joined": 24,
    "gram": 180,
    "joined-by-6": 4,
}


@pytest.fixture(scope="module")
def design() -> Design:
    return side_by_side(CASES)


@pytest.fixture(scope="module")
def simulator(design: Design) -> Simulator:
    return hardware(design)


def frames_of(design: Design, seed: int) -> Any:
    return random_frames(design, seed, lambda name, low, high: (low, high))


def check(design: Design, simulator: Simulator, seed: int, traffic: Traffic) -> Any:
    frames = frames_of(design, seed)
    names = [sink.port.name for sink in design.outputs]
    return check_hardware(simulator, frames, names, wanted(CASES, design, frames), traffic)


def test_frames_back_to_back(design: Design, simulator: Simulator) -> None:
    result = check(design, simulator, 0, EAGER)
    slowest = max(design.components, key=lambda c: c.cycles)
    filling = max(port.beats for port in slowest.inputs) + slowest.output.beats
    assert result.cycles <= 3 * design.cycles + filling + 20


@pytest.mark.parametrize("seed", TRAFFIC)
def test_random_valid_and_ready_change_nothing(design: Design, simulator: Simulator, seed: int) -> None:
    check(design, simulator, seed, Traffic(*TRAFFIC[seed], seed))


@pytest.mark.parametrize("cycle", [1, 40, 300, 2000])
def test_reset_in_mid_frame_starts_over(design: Design, simulator: Simulator, cycle: int) -> None:
    check(design, simulator, cycle, Traffic(80, 80, cycle, reset_at=cycle))


def test_reference_is_what_a_user_means(design: Design) -> None:
    frames = frames_of(design, 7)
    names = [sink.port.name for sink in design.outputs]
    check_reference(design, frames, names, wanted(CASES, design, frames))


def test_lint_finds_nothing(design: Design, simulator: Simulator) -> None:
    assert verilate.lint(design.top, simulator.sources) == ""


def test_design_survives_json(design: Design) -> None:
    assert Design.from_json(design.to_json()) == design


@pytest.mark.parametrize("name", CASES)
def test_interval_and_its_reason(design: Design, name: str) -> None:
    found = design.components[list(CASES).index(name)]
    slowest = max(found.program.nests, key=lambda nest: nest.interval)
    assert slowest.interval == CASES[name].interval
    assert CASES[name].reason in slowest.reason
    assert bool(slowest.reason) == (slowest.interval > 1)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_nest_takes_multiplications_by_multipliers(design: Design, name: str) -> None:
    found = design.components[list(CASES).index(name)]
    assert sum(nest.cycles for nest in found.program.nests) == BOUNDS[name]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (TRIANGLE, "interval 1, 22 of 42 iterations: bounds depend on other loops"),
        # Two loops in the body of another have their turns.
        (
            "to affine_map<(d0) -> (d0 + 1)>(%i)".join(SIBLINGS.rsplit("to 8", 1)),
            "all rows take as long as the longest",
        ),
    ],
)
def test_the_report_says_what_of_a_triangle_runs(text: str, what: str) -> None:
    context = PassContext()
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse(text)
        for element in loop_passes((1, 1)):
            run_element(element, module.operation, context)
    notes = list(context.report["schedule-loops"].values())
    assert any(what in note for note in notes), notes


def test_frames_follow_each_other_at_the_bound() -> None:
    name = "matmul-8x8x8-by-4x2"
    design = side_by_side({name: CASES[name]})
    simulator = hardware(design)
    x = random_frames(design, 0, lambda name, low, high: ())
    many = {name: np.concatenate([frames, frames]) for name, frames in x.items()}
    assert simulator.run(many).cycles - simulator.run(x).cycles == 3 * BOUNDS[name]
