"""Parts of streams, and streams behind each other: circuits, references, and models that need them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from side_by_side import TRAFFIC, Frames, build, check_hardware, check_reference, check_schedules, joined, random_frames
from torch import nn

import stepwell
from stepwell.backends.hls.components.base import Array, Component, Port
from stepwell.backends.hls.components.concat import Concat
from stepwell.backends.hls.components.slice import Slice
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic


def part(shape: tuple[int, ...], beat: int, axis: int, start: int, stop: int, step: int = 1) -> Slice:
    out = (*shape[:axis], len(range(start, stop, step)), *shape[axis + 1 :])
    ports = (Port("in", 8, beat, shape),), (Port("out", 8, beat, out),)
    return Slice("", (), "model.py:1:0", *ports, axis, start, stop, step)


def behind(left: tuple[int, ...], length: int, beat: int, axis: int) -> Concat:
    right, out = ((*left[:axis], size, *left[axis + 1 :]) for size in (length, left[axis] + length))
    ports = (Port("left", 8, beat, left), Port("right", 8, beat, right)), (Port("out", 8, beat, out),)
    return Concat("", (), "model.py:1:0", *ports, axis)


CASES: dict[str, Component] = {
    "slice-first": part((5, 4), 2, 0, 0, 1),
    "slice-last": part((5, 4), 4, 0, 4, 5),
    "slice-middle": part((2, 7, 3), 3, 1, 2, 5),
    "slice-columns": part((3, 12), 2, 1, 4, 10),
    "slice-one": part((2, 3, 5), 1, 2, 3, 4),
    "slice-all": part((3, 4), 2, 1, 0, 4),
    "slice-whole-frame": part((1, 4), 4, 0, 0, 1),
    "slice-steps": part((7, 4), 2, 0, 1, 7, 2),
    "slice-steps-of-rows": part((2, 5, 3), 3, 1, 0, 5, 3),
    "slice-steps-of-elements": part((2, 7), 1, 1, 2, 6, 2),
    "slice-one-step": part((5, 2), 2, 0, 2, 4, 7),
    "concat-rows": behind((2, 4), 3, 2, 0),
    "concat-middle": behind((2, 1, 3), 4, 3, 1),
    "concat-columns": behind((3, 4), 8, 4, 1),
    "concat-elements": behind((2, 5), 2, 1, 1),
}


@pytest.fixture(scope="module")
def design() -> Design:
    """All cases side by side: one build."""
    return joined(CASES)


@pytest.fixture(scope="module")
def simulator(design: Design) -> Simulator:
    return build(design)


def frames_of(design: Design, seed: int, count: int = 3) -> Frames:
    return random_frames(design, seed, lambda _, low, high: (low, high), count)


def expected(frames: Frames) -> list[Array]:
    results = []
    for name, component in CASES.items():
        if isinstance(component, Slice):
            kept = np.arange(component.input.shape[component.axis])
            kept = kept[(kept >= component.start) & (kept < component.stop)][:: component.step]
            results.append(frames[f"{name}-in"].take(kept, component.axis + 1))
        else:
            assert isinstance(component, Concat)
            sides = [np.moveaxis(frames[f"{name}-{side}"], component.axis + 1, 0) for side in ("left", "right")]
            results.append(np.moveaxis(np.array([*sides[0], *sides[1]]), 0, component.axis + 1))
    return results


def test_references(design: Design) -> None:
    frames = frames_of(design, 0)
    check_reference(design, frames, list(CASES), expected(frames))


def test_beats_come_when_they_should(design: Design, simulator: Simulator) -> None:
    frames = frames_of(design, 0, 9)
    check_schedules(design, check_hardware(simulator, frames, CASES, expected(frames), EAGER), 9)


@pytest.mark.parametrize("seed", TRAFFIC)
def test_random_valid_and_ready_change_nothing(design: Design, simulator: Simulator, seed: int) -> None:
    frames = frames_of(design, seed)
    check_hardware(simulator, frames, CASES, expected(frames), Traffic(*TRAFFIC[seed], seed))


@pytest.mark.parametrize("reset_at", [1, 7, 20])
def test_reset_in_mid_frame(design: Design, simulator: Simulator, reset_at: int) -> None:
    frames = frames_of(design, reset_at)
    check_hardware(simulator, frames, CASES, expected(frames), Traffic(70, 70, 7, reset_at=reset_at))


def test_what_beats_can_be() -> None:
    assert part((3, 12), 2, 1, 4, 10).choices() == [(1,), (2,)]
    assert part((3, 12), 2, 0, 1, 2).choices() == [(1,), (2,), (3,), (4,), (6,), (12,)]
    assert part((3, 12), 1, 1, 4, 10, 2).choices() == [(1,)]
    assert behind((3, 4), 6, 2, 1).choices() == [(1,), (2,)]


class Parts(nn.Module):
    """Rows without the first, their sides in another order, a row of the model before them, and means and sums."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.token = nn.Parameter(torch.linspace(-1, 1, 8))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        low, high = torch.relu(self.linear(x))[1:].chunk(2, dim=-1)
        rows = torch.cat([self.token.expand(1, 8), x[1:]])
        return torch.cat([high, low, x[:-1, :4]], dim=-1), rows.tanh(), x.mean(0), rows.sum(1)


class Steps(nn.Module):
    """Every second row, and every third column of them."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.tanh(x)[::2], x[1:-1:2, ::3] * 0.5


class Images(nn.Module):
    """Parts of images along every dimension, images behind each other, and rows of what came pixel after pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 4, 3, padding=1)
        self.linear = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        image = torch.relu(self.convolution(x))
        parts = torch.cat([image[:, 1:3], image[:, :2]], dim=1)
        edge = torch.cat([image[:, :, :1], image[:, :, 2:]], dim=2)[..., ::2]
        return parts * 0.7, edge, self.linear(image), image.softmax(-1), image.flatten(1).tanh()


@pytest.mark.parametrize(("model", "shape"), [(Parts(), (5, 8)), (Steps(), (5, 8)), (Images(), (1, 2, 4, 5))])
def test_models_of_parts(model: nn.Module, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    samples = [(torch.randn(shape),) for _ in range(4)]
    hardware = stepwell.compile(model, samples[0], target="hls,bits=10", calibration=samples)
    reference = stepwell.compile(model, samples[0], target="hls,bits=10,simulator=interpreter", calibration=samples)
    for got, sample in zip(hardware.run_all(samples), samples, strict=True):
        for value, same, wanted in zip(got, reference(*sample), model(*sample), strict=True):
            assert torch.equal(value, same)
            assert float((value - wanted.detach()).abs().max()) < 0.05
