"""The component requantize in Verilator: every rounding, multipliers and powers of two, stalls, resets, lint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from roundings import clamped, rounded
from side_by_side import TRAFFIC, Frames, build, check_hardware, check_reference, check_schedules, random_frames

from stepwell.backends.hls import verilate
from stepwell.backends.hls.components.base import Array, Port
from stepwell.backends.hls.components.requantize import Requantize
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.support.fixed_point import ROUNDINGS

INT8 = (-128, 127)
# Name -> shape, beat, bits in, bits out, multiplier, shift, rounding, clamp.
CASES: dict[str, tuple[tuple[int, ...], int, int, int, int, int, str, tuple[int, int]]] = {
    **{f"scaled-{word}": ((5, 8), 4, 16, 8, 77, 13, word, INT8) for word in ROUNDINGS},
    **{f"power-{word}": ((3, 7), 7, 16, 8, 1, 7, word, INT8) for word in ROUNDINGS},
    "one-element": ((1, 1), 1, 8, 8, 5, 3, "half-even", INT8),
    "one-bit-cut": ((2, 3), 1, 8, 8, 1, 1, "half-even", INT8),
    "nothing-cut": ((2, 3), 3, 8, 16, 3, 0, "half-up", (-(1 << 15), (1 << 15) - 1)),
    "all-cut": ((2, 3), 3, 8, 8, 1, 11, "half-away", INT8),
    "relu": ((2, 4), 2, 32, 8, 12345, 20, "half-up", (0, 127)),
    "wraps": ((4, 3), 1, 16, 8, 3, 2, "floor", (-(1 << 31), (1 << 31) - 1)),
    "wraps-by-sign": ((2, 5), 5, 16, 8, 1, 2, "half-away", (-(1 << 31), (1 << 31) - 1)),
    "power-of-two-times": ((4, 3), 1, 8, 16, 4, 1, "ceil", (-300, 200)),
    "registered": ((5, 8), 4, 16, 8, 77, 13, "half-even", INT8),
    "power-registered": ((3, 7), 7, 16, 8, 1, 7, "half-up", INT8),
    "constant": ((4, 3), 3, 8, 8, 1, 0, "floor", (200, 201)),
}


@pytest.fixture(scope="module")
def design() -> Design:
    """All cases side by side: one build."""
    inputs, components, outputs = [], [], []
    for number, (name, case) in enumerate(CASES.items()):
        shape, beat, bits, out_bits, multiplier, shift, rounding, clamp = case
        ports = (Port("in", bits, beat, shape),), (Port("out", out_bits, beat, shape),)
        label = f"requantize{number}"
        details = {"multiplier": multiplier, "registers": int("registered" in name)}
        components.append(Requantize(label, (name,), "model.py:1:0", *ports, shift, rounding, clamp, **details))
        inputs.append(Port(name, bits, beat, shape))
        outputs.append(Sink(label, Port(name, out_bits, beat, shape)))
    return Design("stepwell_main", tuple(inputs), tuple(components), tuple(outputs))


@pytest.fixture(scope="module")
def simulator(design: Design) -> Simulator:
    return build(design)


def frames_of(design: Design, seed: int) -> Frames:
    """Random frames, with the ends of the range among them."""
    return random_frames(design, seed, lambda _, low, high: (low, high, -1))


def expected(frames: Frames) -> list[Array]:
    results = []
    for name, case in CASES.items():
        multiplier, shift, rounding, clamp = case[4:]
        numbers = rounded(frames[name].astype(np.float64) * multiplier / 2.0**shift, rounding)
        results.append(clamped(numbers, clamp).astype(f"int{case[3]}"))
    return results


def check(design: Design, simulator: Simulator, seed: int, traffic: Traffic) -> Any:
    frames = frames_of(design, seed)
    return check_hardware(simulator, frames, CASES, expected(frames), traffic)


def test_a_beat_a_cycle(design: Design, simulator: Simulator) -> None:
    result = check(design, simulator, 0, EAGER)
    assert result.cycles <= 3 * design.cycles + 2
    check_schedules(design, result, 3)


@pytest.mark.parametrize("seed", TRAFFIC)
def test_random_valid_and_ready_change_nothing(design: Design, simulator: Simulator, seed: int) -> None:
    check(design, simulator, seed, Traffic(*TRAFFIC[seed], seed))


@pytest.mark.parametrize("cycle", [1, 2, 5])
def test_reset_in_mid_frame_starts_over(design: Design, simulator: Simulator, cycle: int) -> None:
    check(design, simulator, cycle, Traffic(80, 80, cycle, reset_at=cycle))


@pytest.mark.parametrize("seed", range(3))
def test_reference_is_what_a_user_means(design: Design, seed: int) -> None:
    frames = frames_of(design, seed)
    check_reference(design, frames, list(CASES), expected(frames))


def test_lint_finds_nothing(design: Design, simulator: Simulator) -> None:
    assert verilate.lint(design.top, simulator.sources) == ""


def test_nothing_is_a_latch(simulator: Simulator) -> None:
    assert not any(b"always_latch" in text or b"always @(*)" in text for text in simulator.sources.values())


def test_design_survives_json(design: Design) -> None:
    assert Design.from_json(design.to_json()) == design


def test_powers_of_two_need_no_multiplier(design: Design) -> None:
    counts = {component.sources[0]: component.multipliers for component in design.components}
    assert counts["scaled-floor"] == 4
    assert counts["power-floor"] == counts["power-of-two-times"] == 0
