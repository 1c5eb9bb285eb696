"""Pooling in Verilator against PyTorch: windows side by side, ragged sizes, and windows that overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from side_by_side import TRAFFIC, Frames, build, check_hardware, check_reference, random_frames
from torch.nn import functional as F

from stepwell.backends.hls import verilate
from stepwell.backends.hls.components.base import Array, Component, Port
from stepwell.backends.hls.components.pool import Pool
from stepwell.backends.hls.components.window import Window
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.support.orders import CHANNELS_LAST

Pair = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """``overlap``: strides and padding of windows that do not lie side by side; ``taps`` of them come in a beat."""

    function: str
    shape: tuple[int, int, int, int]
    kernel: Pair
    beat: int
    shift: int = 0
    overlap: tuple[Pair, Pair] | None = None
    registers: int = 0
    taps: int = 1

    @property
    def strides(self) -> Pair:
        return self.overlap[0] if self.overlap else self.kernel

    @property
    def padding(self) -> Pair:
        return self.overlap[1] if self.overlap else (0, 0)

    def expected(self, frames: Array) -> Array:
        """In doubles, rounded half up and clamped."""
        images: Any = torch.from_numpy(frames).double()
        if self.function == "max":
            wide = torch.stack([F.max_pool2d(image, self.kernel, self.strides, self.padding) for image in images])
        else:
            pool = [
                F.avg_pool2d(image, self.kernel, self.strides, self.padding, divisor_override=1) for image in images
            ]
            wide = torch.stack(pool)
        return np.clip(np.floor(wide.numpy() / 2**self.shift + 0.5), -128, 127).astype(np.int8)

    def components(self, name: str) -> tuple[Port, list[Component], Port]:
        batch, channels, height, width = self.shape
        down, across = self.expected(np.zeros((1, *self.shape), np.int8)).shape[-2:]
        port = Port(name, 8, self.beat, self.shape, None, CHANNELS_LAST)
        shape = (batch, channels, down, across)
        label = f"pool_{name.replace('-', '_')}"
        ending = (self.shift, "half-up", (-128, 127))
        result = Port("out", 8, self.beat, shape, None, CHANNELS_LAST)
        if self.overlap is None:
            sizes = (height, width, channels // self.beat, self.kernel)
            arriving = Port("in", 8, self.beat, self.shape, None, CHANNELS_LAST)
            pool = Pool(label, (name,), "model.py:1:0", (arriving,), (result,), self.function, *sizes, *ending)
            pool = replace(pool, registers=self.registers)
            return port, [pool], Port(name, 8, self.beat, shape, None, CHANNELS_LAST)
        taps = self.kernel[0] * self.kernel[1]
        flat = (8, self.beat, (batch * down * across * channels // self.beat, self.beat * taps))
        window = Window(
            f"{label}_window", (name,), "model.py:1:0", (Port("in", 8, self.beat, self.shape, None, CHANNELS_LAST),),
            (Port("out", *flat),), self.kernel, self.strides, self.padding, (1, 1), channels, self.beat,
            -128 if self.function == "max" else 0,
        )  # fmt: skip
        pool = Pool(
            label, (window.name,), "model.py:1:0", (Port("in", *flat),), (result,), self.function, 1, taps, 1,
            (1, taps), *ending, registers=self.registers, taps=1,
        )  # fmt: skip
        window, pool = window.spread((self.beat, self.beat * self.taps)), pool.spread((self.beat, self.taps))
        return port, [window, pool], Port(name, 8, self.beat, shape, None, CHANNELS_LAST)


CASES = {
    "max-2x2": Case("max", (1, 6, 8, 8), (2, 2), 3),
    "sum-2x2": Case("sum", (1, 4, 8, 8), (2, 2), 4, 2),
    "sum-register": Case("sum", (1, 4, 7, 8), (3, 2), 2, 1, None, 1),
    "ragged": Case("max", (2, 3, 7, 5), (3, 2), 1),
    "whole-image": Case("sum", (2, 4, 4, 4), (4, 4), 2, 4),
    "one-row": Case("sum", (1, 2, 1, 9), (1, 3), 2, 1),
    "one-column": Case("max", (1, 2, 6, 1), (2, 1), 1),
    "one-pixel": Case("max", (1, 2, 2, 3), (1, 1), 1),
    "overlapping": Case("max", (1, 4, 7, 7), (3, 3), 2, 0, ((2, 2), (1, 1))),
    "overlapping-sums": Case("sum", (1, 2, 5, 6), (3, 2), 2, 2, ((1, 1), (1, 0))),
    "three-taps": Case("max", (1, 4, 6, 7), (3, 3), 2, 0, ((2, 2), (1, 1)), 1, 3),
    "all-taps": Case("sum", (2, 2, 5, 5), (3, 3), 2, 3, ((1, 2), (1, 1)), 0, 9),
    "two-taps-of-one": Case("sum", (1, 1, 6, 5), (2, 3), 1, 0, ((1, 1), (0, 1)), 0, 2),
}


@pytest.fixture(scope="module")
def design() -> Design:
    """All cases side by side: one build."""
    parts = [case.components(name) for name, case in CASES.items()]
    sinks = tuple(Sink(components[-1].name, port) for _, components, port in parts)
    components = tuple(component for _, members, _ in parts for component in members)
    return Design("stepwell_main", tuple(port for port, _, _ in parts), components, sinks)


@pytest.fixture(scope="module")
def simulator(design: Design) -> Simulator:
    return build(design)


def frames_of(design: Design, seed: int, count: int = 3) -> Frames:
    """Random frames whose first windows have only the lowest, or the highest number."""
    return random_frames(design, seed, lambda name, low, high: (low if seed % 2 else high,) * 30, count)


def expected(frames: Frames) -> list[Array]:
    return [case.expected(frames[name]) for name, case in CASES.items()]


def check(design: Design, simulator: Simulator, seed: int, traffic: Traffic) -> Any:
    frames = frames_of(design, seed)
    return check_hardware(simulator, frames, CASES, expected(frames), traffic)


@pytest.mark.parametrize("seed", range(3))
def test_reference_is_what_pytorch_computes(design: Design, seed: int) -> None:
    frames = frames_of(design, seed)
    check_reference(design, frames, list(CASES), expected(frames))


def test_a_beat_a_cycle(design: Design, simulator: Simulator) -> None:
    ends = check(design, simulator, 0, EAGER).ends
    pools = [component for component in design.components if isinstance(component, Pool)]
    for port, (_, end), case, pool in zip(design.inputs, ends, CASES.values(), pools, strict=True):
        if case.overlap is None:
            assert end <= 3 * port.beats + pool.latency


@pytest.mark.parametrize("seed", TRAFFIC)
def test_random_valid_and_ready_change_nothing(design: Design, simulator: Simulator, seed: int) -> None:
    check(design, simulator, seed, Traffic(*TRAFFIC[seed], seed))


@pytest.mark.parametrize("cycle", [1, 7, 50])
def test_reset_in_mid_frame_starts_over(design: Design, simulator: Simulator, cycle: int) -> None:
    check(design, simulator, cycle, Traffic(80, 80, cycle, reset_at=cycle))


def test_how_many_taps_there_can_be(design: Design) -> None:
    pools = {component.name: component for component in design.components if isinstance(component, Pool)}
    assert pools["pool_overlapping"].choices() == [(1, 1), (2, 1), (2, 3), (2, 9)]
    assert pools["pool_all_taps"].parallelism == (2, 9)
    assert pools["pool_all_taps"].cycles == 2 * 5 * 3
    assert pools["pool_max_2x2"].choices() == [(1,), (2,), (3,), (6,)]


def test_lint_finds_nothing(design: Design, simulator: Simulator) -> None:
    assert verilate.lint(design.top, simulator.sources) == ""


def test_design_survives_json(design: Design) -> None:
    assert Design.from_json(design.to_json()) == design
