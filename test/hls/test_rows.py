"""Softmax and normalisation of rows in Verilator: many shapes, traffic, resets; their numbers against float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from side_by_side import TRAFFIC, Frames, build, check_hardware, joined, promised, random_frames

from stepwell.backends.hls import verilate
from stepwell.backends.hls.components.base import Array, Component, Port
from stepwell.backends.hls.components.normalize import Normalize
from stepwell.backends.hls.components.pipelined import Pipelined
from stepwell.backends.hls.components.scaled_softmax import ScaledSoftmax
from stepwell.backends.hls.components.softmax import Softmax
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.support.fixed_point import Format
from stepwell.support.fixed_rows import Normalization, variance_offset
from stepwell.support.fixed_rows import Softmax as SoftmaxNumbers

FRAME = 64  # cycles of the frames that are cut to the same time
EPSILON = 1e-5


def ports(shape: tuple[int, ...], beat: int, bits: int, out_bits: int) -> Any:
    return (Port("in", bits, beat, shape),), (Port("out", out_bits, beat, shape),)


def softmax(shape: tuple[int, ...], beat: int, bits: int, frac: int, out: Format, rounding: str = "half-up") -> Softmax:
    precision = out.width + 3
    shift = SoftmaxNumbers(shape[-1], Format(bits, frac), precision).fraction - out.frac
    sides = ports(shape, beat, bits, out.width + (not out.signed))
    return Softmax("", (), "model.py:1:0", *sides, frac, precision, shift, rounding, out.range)


def scaled(
    shape: tuple[int, ...], beat: int, bits: int, frac: int, out: Format, rounding: str = "half-up"
) -> ScaledSoftmax:
    precision = out.width + 4
    shift = 2 * precision + 2 - out.frac
    sides = ports(shape, beat, bits, out.width + (not out.signed))
    return ScaledSoftmax("", (), "model.py:1:0", *sides, frac, precision, shift, rounding, out.range)


def normalize(
    shape: tuple[int, ...], beat: int, bits: int, frac: int, out: Format, *, centered: bool = True
) -> Normalize:
    precision = out.width + 4
    offset = variance_offset(EPSILON, shape[-1], frac)
    shift = Normalization(shape[-1], Format(bits), offset, centered, precision).fraction - out.frac
    sides = ports(shape, beat, bits, out.width)
    return Normalize("", (), "model.py:1:0", *sides, int(centered), offset, precision, shift, "half-up", out.range)


def registered(component: Pipelined, part: int = 1) -> Pipelined:
    """With all registers that it has a place for, or a part of them."""
    return replace(component, registers=component.most_registers // part)


SHARES, NORMAL = Format(8, 8, signed=False), Format(8, 5)
CASES: dict[str, Component] = {
    "softmax-4x64": softmax((4, 64), 4, 8, 4, SHARES),
    "softmax-16x16": softmax((16, 16), 4, 8, 4, SHARES),
    "softmax-heads": softmax((2, 4, 16), 2, 8, 3, SHARES),
    "softmax-prime": softmax((3, 7), 1, 8, 5, Format(12, 11), "half-even"),
    "softmax-one-beat": softmax((3, 5), 5, 16, 8, SHARES),
    "softmax-one-element": softmax((1, 1), 1, 8, 0, SHARES),
    "softmax-coarse": softmax((2, 6), 3, 8, -2, SHARES, "floor"),
    "scaled-4x64": scaled((4, 64), 4, 8, 4, SHARES),
    "scaled-16x16": scaled((16, 16), 4, 8, 5, SHARES),
    "scaled-heads": scaled((2, 4, 16), 2, 8, 3, SHARES),
    "scaled-prime": scaled((3, 7), 1, 8, 5, Format(12, 11), "half-even"),
    "scaled-one-beat": scaled((3, 5), 5, 10, 7, SHARES),
    "scaled-one-element": scaled((1, 1), 1, 2, 1, SHARES, "floor"),
    "scaled-registers": registered(scaled((4, 64), 4, 8, 4, SHARES)),
    "scaled-half-of-the-registers": registered(scaled((3, 24), 8, 10, 6, SHARES, "half-even"), 2),
    "softmax-registers": registered(softmax((4, 64), 4, 8, 4, SHARES)),
    "softmax-half-of-the-registers": registered(softmax((3, 10), 5, 12, 6, SHARES, "half-even"), 2),
    "normalize-registers": registered(normalize((4, 64), 4, 8, 4, NORMAL)),
    "normalize-rms-registers": registered(normalize((3, 16), 8, 8, 4, NORMAL, centered=False)),
    "normalize-half-of-the-registers": registered(normalize((2, 24), 3, 12, 9, Format(12, 9)), 2),
    "normalize-4x64": normalize((4, 64), 4, 8, 4, NORMAL),
    "normalize-rms-4x64": normalize((4, 64), 4, 8, 4, NORMAL, centered=False),
    "normalize-wide": normalize((2, 24), 2, 16, 9, Format(12, 9)),
    "normalize-prime": normalize((2, 7), 1, 8, 5, NORMAL),
    "normalize-one-beat": normalize((3, 5), 5, 8, 0, NORMAL),
    "normalize-rms-one-beat": normalize((3, 3), 3, 12, 0, NORMAL, centered=False),
    "normalize-one-element": normalize((1, 1), 1, 8, 0, NORMAL),
    "normalize-narrow": normalize((3, 4), 2, 2, 0, Format(10, 7)),
}


@pytest.fixture(scope="module")
def design() -> Design:
    """All cases side by side: one build."""
    return joined(CASES)


@pytest.fixture(scope="module")
def simulator(design: Design) -> Simulator:
    return build(design)


def frames_of(design: Design, seed: int, count: int = 3) -> Frames:
    """Random frames: the ends of the range first; a whole frame of one number; one of small numbers."""
    frames = random_frames(design, seed, lambda _, low, high: (low, high, low), count)
    for values in frames.values():
        values[1] = values[1].flat[0]
        values[2] //= 16
    return frames


def expected(design: Design, frames: Frames) -> list[Array]:
    count = len(next(iter(frames.values())))
    runs = [design.reference({name: frame[i] for name, frame in frames.items()}, {}) for i in range(count)]
    return [np.stack(arrays) for arrays in zip(*runs, strict=True)]


def check(design: Design, simulator: Simulator, frames: Frames, traffic: Traffic) -> Any:
    return check_hardware(simulator, frames, CASES, expected(design, frames), traffic)


def test_rows_overlap(design: Design, simulator: Simulator) -> None:
    assert max(component.cycles for component in design.components) == FRAME
    frames = frames_of(design, 0, 9)
    result = check(design, simulator, frames, EAGER)
    assert result.cycles - result.latency <= 8 * FRAME
    assert result.latency <= promised(design) <= result.latency + 4


@pytest.mark.parametrize("seed", TRAFFIC)
def test_random_valid_and_ready_change_nothing(design: Design, simulator: Simulator, seed: int) -> None:
    check(design, simulator, frames_of(design, seed), Traffic(*TRAFFIC[seed], seed))


@pytest.mark.parametrize("cycle", [1, 30, 75])
def test_reset_in_mid_frame_starts_over(design: Design, simulator: Simulator, cycle: int) -> None:
    check(design, simulator, frames_of(design, cycle), Traffic(80, 80, cycle, reset_at=cycle))


def test_lint_finds_nothing(design: Design, simulator: Simulator) -> None:
    assert verilate.lint(design.top, simulator.sources) == ""


def test_design_survives_json(design: Design) -> None:
    assert Design.from_json(design.to_json()) == design


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", CASES)
def test_reference_is_near_the_real_function(design: Design, name: str, seed: int) -> None:
    component, frames = CASES[name], frames_of(design, seed)[f"{name}-in"]
    assert isinstance(component, (Softmax, ScaledSoftmax, Normalize))
    low, high = component.clamp
    if isinstance(component, (Softmax, ScaledSoftmax)):
        frac = component.numbers.fraction - component.shift
        x = np.ldexp(frames.astype(np.float64), -component.frac)
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        real, relative = e / e.sum(axis=-1, keepdims=True), 2.0**-component.precision
        # Each exponential is off by half a unit, and so is the sum by half for each element.
        slack = relative * (1 + x.shape[-1] / 2)
    else:
        assert isinstance(component, Normalize)
        frac = component.numbers.fraction - component.shift
        x = frames.astype(np.float64)
        x = x - x.mean(axis=-1, keepdims=True) if component.centered else x
        real = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + component.offset / x.shape[-1] ** 2)
        slack = 2.0 ** (2 - component.precision) * np.abs(real).max()
    got = np.stack([component.reference([frame], {})[0] for frame in frames])
    unit = 1.0 if component.rounding == "floor" else 0.5
    assert np.abs(got - np.clip(np.ldexp(real, frac), low, high)).max() <= unit + np.ldexp(slack, frac)
