"""fork, fifo, resize and weight in Verilator: every element once and in order, at full speed, in any traffic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from side_by_side import TRAFFIC, Frames, build, check_hardware, check_schedules, random_frames

from stepwell.backends.hls import verilate
from stepwell.backends.hls.components.base import Array, Component, Port
from stepwell.backends.hls.components.elementwise import Add
from stepwell.backends.hls.components.fifo import Fifo
from stepwell.backends.hls.components.fork import Fork
from stepwell.backends.hls.components.resize import Resize
from stepwell.backends.hls.components.weight import Weight
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic

WHERE = "model.py:1:0"
# Elements in a beat before and after, and a frame.
RESIZES: dict[str, tuple[int, int, tuple[int, ...]]] = {
    f"resize-{before}-to-{after}": (before, after, shape)
    for before, after, shape in [
        (1, 2, (3, 4)), (4, 1, (2, 4)), (2, 6, (5, 6)), (6, 2, (1, 6)), (2, 3, (4, 6)), (3, 2, (4, 6)),
        (5, 7, (2, 35)), (7, 5, (2, 35)), (4, 6, (3, 12)), (6, 4, (3, 12)), (3, 8, (1, 24)), (8, 3, (1, 24)),
        (1, 13, (3, 13)), (13, 1, (3, 13)),
    ]
}  # fmt: skip
DEPTHS = {f"fifo-{depth}": depth for depth in (2, 3, 4, 7, 65, 300)}
FORKS = {"fork-2": 2, "fork-3": 3}
# Shape of a parameter, and of a frame in beats of 2.
WEIGHTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "weight-row": ((6,), (3, 6)), "weight-number": ((), (3, 4)), "weight-one": ((1,), (3, 4)),
    "weight-column": ((3, 1), (3, 4)), "weight-frame": ((3, 4), (3, 4)), "weight-beat": ((1, 2), (3, 2)),
    "weight-planes": ((2, 1, 4), (2, 3, 4)),
}  # fmt: skip


def parameters() -> dict[str, Array]:
    random = np.random.default_rng(5)
    return {name: random.integers(-128, 128, shape).astype(np.int8) for name, (shape, _) in WEIGHTS.items()}


def joining(number: int, name: str) -> Component:
    """The component of a case that has an input."""
    if name in RESIZES:
        before, after, shape = RESIZES[name]
        return Resize(
            f"resize{number}", (name,), WHERE, (Port("in", 7, before, shape),), (Port("out", 7, after, shape),)
        )
    if name in DEPTHS:
        ports = (Port(side, 9, 4, (3, 16)) for side in ("in", "out"))
        return Fifo(f"fifo{number}", (name,), WHERE, *((port,) for port in ports), DEPTHS[name])
    outputs = tuple(Port(label, 5, 2, (4, 6)) for label in Fork.output_names(FORKS[name]))
    return Fork(f"fork{number}", (name,), WHERE, (Port("in", 5, 2, (4, 6)),), outputs)


@pytest.fixture(scope="module")
def design() -> Design:
    """All cases side by side: one build."""
    inputs, components, outputs = [], [], []
    for number, name in enumerate([*RESIZES, *DEPTHS, *FORKS]):
        component = joining(number, name)
        components.append(component)
        port = component.input
        inputs.append(Port(name, port.bits, port.beat, port.shape))
        for stream, out in zip(component.streams, component.outputs, strict=True):
            outputs.append(Sink(stream, Port(f"{name}-{out.name}", out.bits, out.beat, out.shape)))
    for number, (name, (shape, frame)) in enumerate(WEIGHTS.items()):
        # A parameter comes for ever: it is added to something that ends.
        weight = Weight(f"weight{number}", (), WHERE, (), (Port("out", 8, 2, frame),), name, shape)
        ports = tuple(Port(side, 8, 2, frame) for side in ("left", "right"))
        sum_port = Port("out", 9, 2, frame)
        add = Add(f"add{number}", (name, weight.name), WHERE, ports, (sum_port,), 0, "floor", (-256, 255))
        components += [weight, add]
        inputs.append(Port(name, 8, 2, frame))
        outputs.append(Sink(add.name, Port(name, 9, 2, frame)))
    return Design("stepwell_main", tuple(inputs), tuple(components), tuple(outputs))


@pytest.fixture(scope="module")
def simulator(design: Design) -> Simulator:
    made = build(design)
    made.memories = design.memory_files(parameters())
    return made


def names(design: Design) -> list[str]:
    return [sink.port.name for sink in design.outputs]


def expected(design: Design, frames: Frames) -> list[Array]:
    return [
        frames[name].astype(np.int16) + parameters()[name] if name in WEIGHTS else frames[name.rpartition("-")[0]]
        for name in names(design)
    ]


def check(design: Design, simulator: Simulator, seed: int, traffic: Traffic) -> Any:
    frames = random_frames(design, seed, lambda name, low, high: (low, high))
    return check_hardware(simulator, frames, names(design), expected(design, frames), traffic)


def test_a_beat_a_cycle(design: Design, simulator: Simulator) -> None:
    result = check(design, simulator, 0, EAGER)
    assert result.cycles <= 3 * design.cycles + 2
    check_schedules(design, result, 3)


@pytest.mark.parametrize("seed", TRAFFIC)
def test_any_traffic(design: Design, simulator: Simulator, seed: int) -> None:
    check(design, simulator, seed, Traffic(*TRAFFIC[seed], seed))


@pytest.mark.parametrize("cycle", [1, 4, 23])
def test_reset_in_mid_frame_starts_over(design: Design, simulator: Simulator, cycle: int) -> None:
    check(design, simulator, cycle, Traffic(80, 80, cycle, reset_at=cycle))


def test_reference_is_what_a_user_means(design: Design) -> None:
    frames = random_frames(design, 3, lambda name, low, high: (low, high))
    wanted = expected(design, frames)
    for number in range(3):
        got = design.reference({name: frame[number] for name, frame in frames.items()}, parameters())
        for name, result, want in zip(names(design), got, wanted, strict=True):
            np.testing.assert_array_equal(result, want[number], err_msg=name)


def test_lint_finds_nothing(design: Design, simulator: Simulator) -> None:
    assert verilate.lint(design.top, simulator.sources) == ""


def test_design_survives_json(design: Design) -> None:
    assert Design.from_json(design.to_json()) == design


@pytest.mark.parametrize("name", RESIZES)
def test_resize_keeps_no_more_than_it_must(name: str) -> None:
    _, after, _ = RESIZES[name]
    component = joining(0, name)
    assert isinstance(component, Resize)
    kept = max(max(phase.saves, default=-1) + 1 for phase in component.phases()) * component.unit
    assert kept <= after - component.unit


def test_repeated_words_are_kept_once(design: Design) -> None:
    counts = {c.weight: c.words for c in design.components if isinstance(c, Weight)}
    assert counts == {
        "weight-row": 3, "weight-number": 1, "weight-one": 1, "weight-column": 6, "weight-frame": 6, "weight-beat": 1,
        "weight-planes": 12,
    }  # fmt: skip
