"""The components add and multiply in Verilator: two streams that come at different times, every rounding, lint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from roundings import clamped, rounded
from side_by_side import TRAFFIC, Frames, build, check_hardware, check_reference, check_schedules, random_frames

from stepwell.backends.hls import verilate
from stepwell.backends.hls.components.base import Array, Port
from stepwell.backends.hls.components.elementwise import Add, Multiply
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.support.fixed_point import ROUNDINGS

INT8 = (-128, 127)
# Name -> component, shape, beat, bits of both operands, bits out, shift, rounding, clamp.
CASES: dict[str, tuple[Any, tuple[int, ...], int, tuple[int, int], int, int, str, tuple[int, int]]] = {
    **{f"add-{word}": (Add, (5, 8), 4, (8, 8), 8, 2, word, INT8) for word in ROUNDINGS},
    **{f"multiply-{word}": (Multiply, (3, 7), 7, (8, 16), 8, 12, word, INT8) for word in ROUNDINGS},
    "one-element": (Add, (1, 1), 1, (8, 8), 16, 0, "floor", (-300, 300)),
    "uneven-widths": (Add, (2, 3), 3, (8, 32), 32, 1, "half-even", (-(1 << 31), (1 << 31) - 1)),
    "exact-product": (Multiply, (2, 3), 1, (16, 16), 32, 0, "floor", (-(1 << 31), (1 << 31) - 1)),
    "relu-behind": (Add, (13, 2), 2, (16, 16), 8, 5, "half-up", (0, 127)),
    "wraps": (Multiply, (2, 5), 5, (8, 8), 8, 3, "to-zero", (-(1 << 31), (1 << 31) - 1)),
}


@pytest.fixture(scope="module")
def design() -> Design:
    """All cases side by side: one build."""
    inputs, components, outputs = [], [], []
    for number, (name, case) in enumerate(CASES.items()):
        cls, shape, beat, bits, out_bits, *rescale = case
        sources = tuple(f"{name}-{side}" for side in ("left", "right"))
        ports = tuple(Port(side, width, beat, shape) for side, width in zip(("left", "right"), bits, strict=True))
        label = f"{cls.kind}{number}"
        components.append(cls(label, sources, "model.py:1:0", ports, (Port("out", out_bits, beat, shape),), *rescale))
        inputs += [Port(source, port.bits, beat, shape) for source, port in zip(sources, ports, strict=True)]
        outputs.append(Sink(label, Port(name, out_bits, beat, shape)))
    return Design("stepwell_main", tuple(inputs), tuple(components), tuple(outputs))


@pytest.fixture(scope="module")
def simulator(design: Design) -> Simulator:
    return build(design)


def frames_of(design: Design, seed: int) -> Frames:
    """Random frames; the first elements are the ends of the range, in all pairs over both operands."""

    def ends(name: str, low: int, high: int) -> tuple[int, ...]:
        return (low, high, low, high) if name.endswith("left") else (low, low, high, high)

    return random_frames(design, seed, ends)


def expected(frames: Frames) -> list[Array]:
    results = []
    for name, (cls, _, _, _, out_bits, shift, rounding, clamp) in CASES.items():
        left, right = (frames[f"{name}-{side}"].astype(np.float64) for side in ("left", "right"))
        wide = left + right if cls is Add else left * right
        results.append(clamped(rounded(wide / 2.0**shift, rounding), clamp).astype(f"int{out_bits}"))
    return results


def check(design: Design, simulator: Simulator, seed: int, traffic: Traffic) -> Any:
    frames = frames_of(design, seed)
    return check_hardware(simulator, frames, CASES, expected(frames), traffic)


def test_a_beat_a_cycle(design: Design, simulator: Simulator) -> None:
    result = check(design, simulator, 0, EAGER)
    assert result.cycles <= 3 * design.cycles + 2
    check_schedules(design, result, 3)


@pytest.mark.parametrize("seed", TRAFFIC)
def test_operands_at_different_times(design: Design, simulator: Simulator, seed: int) -> None:
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


def test_design_survives_json(design: Design) -> None:
    assert Design.from_json(design.to_json()) == design


def test_only_products_have_multipliers(design: Design) -> None:
    counts = {label: component.multipliers for label, component in zip(CASES, design.components, strict=True)}
    assert counts["add-floor"] == 0
    assert counts["multiply-floor"] == 7
