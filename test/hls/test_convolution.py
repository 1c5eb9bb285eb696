"""Windows and the products behind them in Verilator against PyTorch: shapes, strides, padding, groups, parallelism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from side_by_side import TRAFFIC, Frames, build, check_hardware, random_frames
from torch.nn import functional as F

from stepwell.backends.hls import verilate
from stepwell.backends.hls.components.base import Array, Component, Port
from stepwell.backends.hls.components.linear import Linear
from stepwell.backends.hls.components.window import Window
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.support.orders import CHANNELS_LAST
from stepwell.support.windows import Windows

Pair = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """A convolution of ``channels`` to ``outer`` and how it is spread: multipliers by inputs, outputs, and groups."""

    batch: int
    channels: int
    size: Pair
    outer: int
    kernel: Pair
    unroll: tuple[int, int, int]
    strides: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    beat: int = 0
    registers: int = 0

    @property
    def windows(self) -> Windows:
        return Windows(self.kernel, self.strides, self.padding, self.dilation)

    @property
    def inner(self) -> int:
        return self.channels // self.groups * self.windows.taps

    @property
    def bound(self) -> int:
        """Multiplications of a frame by multipliers."""
        pixels = self.batch * int(np.prod(self.windows.sizes(self.size)))
        return pixels * self.inner * self.outer // int(np.prod(self.unroll))

    def components(self, name: str) -> tuple[Port, list[Component], Port]:
        by_input, by_output, lanes = self.unroll
        sizes = self.windows.sizes(self.size)
        port = Port(name, 8, self.beat or self.channels, (self.batch, self.channels, *self.size), None, CHANNELS_LAST)
        rows = self.batch * sizes[0] * sizes[1] * self.groups // lanes
        flat = Port("out", 8, lanes * by_input, (rows, lanes * self.inner))
        label = name.replace("-", "_")
        window = Window(
            f"window_{label}", (name,), "model.py:1:0", (Port("in", *_rest(port)),), (flat,), self.kernel, self.strides,
            self.padding, self.dilation, self.groups, lanes, 0, registers=self.registers,
        )  # fmt: skip
        result = Port("out", 8, lanes * by_output, (self.batch, self.outer, *sizes), None, CHANNELS_LAST)
        linear = Linear(
            f"linear_{label}", (window.name,), "model.py:1:0", (Port("in", *_rest(flat)),), (result,),
            self.inner, self.outer // self.groups, (by_input, by_output), 24, 7, "half-up", (-128, 127),
            self.groups, lanes, f"{name}.w", 8, "nk", f"{name}.b",
        )  # fmt: skip
        return port, [window, linear], Port(name, *_rest(result))

    def parameters(self, name: str) -> dict[str, Array]:
        random = np.random.default_rng(len(name))
        weight = random.integers(-128, 128, (self.outer, self.channels // self.groups, *self.kernel)).astype(np.int8)
        return {name: weight, f"{name}.b": random.integers(-3000, 3000, self.outer).astype(np.int32)}

    def expected(self, frames: Array, name: str) -> Array:
        """What PyTorch computes in doubles, which hold these integers, ends as the component ends."""
        values = self.parameters(name)
        image, weight, bias = (torch.from_numpy(a).double() for a in (frames, values[name], values[f"{name}.b"]))
        sums = [
            F.conv2d(frame, weight, bias, self.strides, self.padding, self.dilation, self.groups) for frame in image
        ]
        rounded = np.floor(torch.stack(sums).numpy() / 128 + 0.5)
        return np.clip(rounded, -128, 127).astype(np.int8)


def _rest(port: Port) -> tuple[Any, ...]:
    return port.bits, port.beat, port.shape, port.floats, port.order


CASES = {
    "all-144": Case(1, 4, (8, 8), 4, (3, 3), (36, 4, 1), padding=(1, 1)),
    "nine": Case(1, 4, (8, 8), 4, (3, 3), (9, 1, 1), padding=(1, 1)),
    "one": Case(1, 4, (8, 8), 4, (3, 3), (1, 1, 1), padding=(1, 1), beat=1),
    "register": Case(1, 2, (5, 6), 2, (3, 3), (6, 2, 1), padding=(1, 1), beat=1, registers=1),
    "memory": Case(1, 16, (5, 6), 2, (3, 3), (4, 2, 1), padding=(1, 1), beat=4),
    "memory-block": Case(1, 16, (4, 12), 2, (3, 3), (4, 2, 1), padding=(1, 1), beat=4, registers=1),
    "memory-narrow-in": Case(2, 8, (4, 5), 2, (3, 2), (4, 1, 1), strides=(2, 1), beat=2),
    "memory-wide-in": Case(1, 8, (7, 4), 1, (3, 3), (2, 1, 1), strides=(1, 2), padding=(1, 0), beat=8),
    "memory-groups": Case(1, 12, (5, 4), 6, (3, 3), (2, 1, 1), padding=(0, 1), groups=3, beat=2),
    "memory-depthwise": Case(1, 12, (7, 6), 12, (3, 3), (1, 1, 4), (2, 2), (1, 1), (1, 1), 12, 4),
    "memory-dilated": Case(2, 8, (7, 9), 2, (3, 3), (8, 1, 1), padding=(2, 3), dilation=(2, 3), beat=8),
    "memory-pixels": Case(2, 16, (1, 2), 2, (3, 3), (4, 1, 1), padding=(1, 1), beat=4),
    "no-padding": Case(1, 2, (6, 7), 6, (3, 3), (6, 3, 1)),
    "5x5-strided": Case(2, 1, (9, 11), 4, (5, 5), (5, 2, 1), strides=(2, 2), padding=(2, 2)),
    "1x1": Case(1, 6, (3, 5), 4, (1, 1), (3, 2, 1), beat=2),
    "1x1-strided": Case(1, 3, (5, 5), 2, (1, 1), (3, 1, 1), strides=(2, 3)),
    "dilated": Case(1, 2, (9, 8), 3, (3, 2), (4, 3, 1), padding=(2, 0), dilation=(2, 3)),
    "depthwise": Case(1, 6, (5, 6), 6, (3, 3), (3, 1, 2), padding=(1, 1), groups=6, beat=2),
    "depthwise-whole": Case(1, 4, (6, 6), 4, (3, 3), (9, 1, 4), strides=(2, 2), padding=(1, 1), groups=4),
    "groups": Case(1, 4, (4, 5), 6, (2, 3), (4, 1, 1), padding=(0, 1), groups=2),
    "one-pixel": Case(1, 2, (1, 1), 3, (3, 3), (6, 1, 1), padding=(1, 1)),
    "one-column": Case(3, 1, (7, 1), 2, (3, 1), (3, 2, 1), padding=(1, 0)),
    "two-columns": Case(2, 3, (3, 2), 2, (3, 3), (9, 2, 1), padding=(1, 1), beat=1),
}


@pytest.fixture(scope="module")
def design() -> Design:
    """All cases side by side: one build."""
    parts = [case.components(name) for name, case in CASES.items()]
    sinks = tuple(Sink(components[-1].name, port) for _, components, port in parts)
    components = tuple(component for _, members, _ in parts for component in members)
    return Design("stepwell_main", tuple(port for port, _, _ in parts), components, sinks)


@pytest.fixture(scope="module")
def parameters() -> dict[str, Array]:
    """Weights as the components have them: a row for each output, tap by tap."""
    values: dict[str, Array] = {}
    for name, case in CASES.items():
        own = case.parameters(name)
        values[f"{name}.w"] = own[name].transpose(0, 2, 3, 1).reshape(case.outer, -1)
        values[f"{name}.b"] = own[f"{name}.b"]
    return values


@pytest.fixture(scope="module")
def simulator(design: Design, parameters: dict[str, Array]) -> Simulator:
    simulator = build(design)
    simulator.memories = design.memory_files(parameters)
    return simulator


def frames_of(design: Design, seed: int, count: int = 3) -> Frames:
    return random_frames(design, seed, lambda name, low, high: (low,) * 40, count)


def expected(frames: Frames) -> list[Array]:
    return [case.expected(frames[name], name) for name, case in CASES.items()]


def check(design: Design, simulator: Simulator, seed: int, traffic: Traffic) -> Any:
    frames = frames_of(design, seed)
    return check_hardware(simulator, frames, CASES, expected(frames), traffic)


@pytest.mark.parametrize("seed", range(2))
def test_reference_is_what_pytorch_computes(design: Design, parameters: dict[str, Array], seed: int) -> None:
    frames = frames_of(design, seed)
    wanted = expected(frames)
    for number in range(3):
        got = design.reference({name: frame[number] for name, frame in frames.items()}, parameters)
        for name, result, want in zip(CASES, got, wanted, strict=True):
            np.testing.assert_array_equal(result, want[number], err_msg=name)


def test_cycles_of_a_frame_are_the_bound(design: Design, simulator: Simulator) -> None:
    few, many = (
        [last for _, last in check_hardware(simulator, frames, CASES, expected(frames), EAGER).ends]
        for frames in (frames_of(design, 0, 2), frames_of(design, 0, 12))
    )
    for number, (name, case) in enumerate(CASES.items()):
        cycles = (many[number] - few[number]) / 10
        window, linear = design.components[2 * number : 2 * number + 2]
        assert linear.cycles == case.bound
        assert cycles <= window.cycles + case.bound, name
        if name in {"all-144", "nine", "one", "groups", "depthwise", "1x1", "memory", "memory-block"}:
            assert cycles <= 1.05 * max(case.bound, window.input.beats), name


def test_latency_of_a_known_convolution(design: Design, simulator: Simulator) -> None:
    frames = frames_of(design, 0, 1)
    run = check_hardware(simulator, frames, CASES, expected(frames), EAGER)
    finished = dict(zip(CASES, (last for _, last in run.ends), strict=True))
    assert finished["all-144"] <= 80
    assert finished["nine"] <= 1040
    assert finished["one"] <= 9265


@pytest.mark.parametrize("seed", TRAFFIC)
def test_random_valid_and_ready_change_nothing(design: Design, simulator: Simulator, seed: int) -> None:
    check(design, simulator, seed, Traffic(*TRAFFIC[seed], seed))


@pytest.mark.parametrize("cycle", [1, 7, 50])
def test_reset_in_mid_frame_starts_over(design: Design, simulator: Simulator, cycle: int) -> None:
    check(design, simulator, cycle, Traffic(80, 80, cycle, reset_at=cycle))


def test_lint_finds_nothing(design: Design, simulator: Simulator) -> None:
    assert verilate.lint(design.top, simulator.sources) == ""


def test_design_survives_json(design: Design) -> None:
    assert Design.from_json(design.to_json()) == design
