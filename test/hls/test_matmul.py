"""Products of two streams, and frames in another order, in Verilator: shapes, unrolling, traffic, resets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from roundings import clamped, rounded
from side_by_side import TRAFFIC, Frames, build, check_hardware, check_reference, joined, promised, random_frames
from torch import nn

import stepwell
from stepwell.backends.hls import verilate
from stepwell.backends.hls.components.base import Array, Component, Port
from stepwell.backends.hls.components.matmul import Matmul
from stepwell.backends.hls.components.reorder import Reorder
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.support.beats import right_beat
from stepwell.support.widths import dot_product_range, signed_range, signed_width

FRAME = 64  # cycles of the frames that are cut to the same time


def matmul(
    sizes: tuple[int, ...],
    unroll: tuple[int, int],
    layout: str,
    bits: tuple[int, int] = (8, 8),
    shift: int = 7,
    rounding: str = "half-up",
    *,
    whole: bool = False,
    registers: int = 0,
) -> Matmul:
    """``sizes``: of the batch, then rows, inner, columns; ``whole``: see ``right_beat``."""
    *batch, rows, inner, columns = sizes
    right = (inner, columns) if layout == "kn" else (columns, inner)
    ports = (
        Port("left", bits[0], unroll[0], (*batch, rows, inner)),
        Port("right", bits[1], right_beat(layout, inner, columns, unroll, whole=whole), (*batch, *right)),
    )
    accumulator = signed_width(dot_product_range(inner, signed_range(bits[0]), signed_range(bits[1])))
    out = (Port("out", 8, unroll[1], (*batch, rows, columns)),)
    return Matmul(
        "",
        (),
        "model.py:1:0",
        ports,
        out,
        inner,
        columns,
        unroll,
        accumulator,
        shift,
        rounding,
        (-128, 127),
        layout,
        registers=registers,
    )


def reorder(shape: tuple[int, ...], beat: int, order: tuple[int, ...]) -> Reorder:
    out = tuple(shape[dim] for dim in order)
    return Reorder("", (), "model.py:1:0", (Port("in", 8, beat, shape),), (Port("out", 8, beat, out),), order)


CASES: dict[str, Component] = {
    "matmul-16": matmul((16, 16, 16), (8, 8), "kn"),
    "matmul-16-transposed": matmul((16, 16, 16), (8, 8), "nk"),
    "matmul-heads": matmul((4, 8, 8, 8), (4, 8), "nk", rounding="half-even"),
    "matmul-ragged": matmul((2, 3, 6, 10), (3, 2), "kn", (16, 8), 12),
    "matmul-prime": matmul((2, 5, 7, 3), (7, 1), "nk", (8, 16), 14),
    "matmul-one-multiplier": matmul((3, 4, 5), (1, 1), "kn"),
    "matmul-one-of-all": matmul((1, 1, 1), (1, 1), "nk", shift=0),
    "matmul-block-ram": matmul((2, 16, 16), (2, 4), "kn"),
    "matmul-all-at-once": matmul((3, 4, 5), (4, 5), "kn"),
    "matmul-whole-words": matmul((16, 16, 16), (4, 16), "kn", whole=True),
    "matmul-whole-words-transposed": matmul((2, 5, 6, 9), (6, 3), "nk", (16, 8), 12, whole=True),
    "matmul-rounded": matmul((2, 8, 8, 8), (2, 8), "kn", registers=1),
    "matmul-registers": matmul((2, 4, 8, 16), (8, 4), "kn", rounding="half-even", registers=3),
    "matmul-one-row": matmul((2, 1, 8, 8), (2, 8), "kn"),
    "reorder-heads": reorder((8, 4, 8), 4, (1, 0, 2)),
    "reorder-elements": reorder((4, 16), 1, (1, 0)),
    "reorder-four": reorder((2, 3, 1, 5), 1, (3, 1, 2, 0)),
    "reorder-beats": reorder((3, 5, 2), 2, (1, 0, 2)),
    "reorder-one-beat": reorder((1, 1, 4), 4, (1, 0, 2)),
    "reorder-nothing": reorder((3, 4), 2, (0, 1)),
}


@pytest.fixture(scope="module")
def design() -> Design:
    """All cases side by side: one build."""
    return joined(CASES)


@pytest.fixture(scope="module")
def simulator(design: Design) -> Simulator:
    return build(design)


def frames_of(design: Design, seed: int, count: int = 3) -> Frames:
    """Random frames, with the ends of the range among them; one of lowest numbers alone."""
    frames = random_frames(design, seed, lambda _, low, high: (low, high), count)
    for values in frames.values():
        values[1] = np.iinfo(values.dtype).min
    return frames


def expected(frames: Frames) -> list[Array]:
    results = []
    for name, component in CASES.items():
        if isinstance(component, Matmul):
            left, right = (frames[f"{name}-{side}"].astype(np.float64) for side in ("left", "right"))
            path = "fmk,fkn->fmn" if component.layout == "kn" else "fmk,fnk->fmn"
            batches = [array.reshape(-1, *array.shape[-2:]) for array in (left, right)]
            sums = np.einsum(path, *batches).reshape(left.shape[0], *component.output.shape)
            results.append(clamped(rounded(sums * 2.0**-component.shift, component.rounding), component.clamp))
        else:
            assert isinstance(component, Reorder)
            results.append(permuted(frames[f"{name}-in"], component.order))
    return results


def permuted(frames: Array, order: tuple[int, ...]) -> Array:
    """Element by element."""
    result = np.empty((len(frames), *(frames.shape[1 + dim] for dim in order)), frames.dtype)
    for place in np.ndindex(*result.shape):
        source = [0] * len(order)
        for index, dim in zip(place[1:], order, strict=True):
            source[dim] = index
        result[place] = frames[(place[0], *source)]
    return result


def check(design: Design, simulator: Simulator, frames: Frames, traffic: Traffic) -> Any:
    return check_hardware(simulator, frames, CASES, expected(frames), traffic)


def test_a_frame_in_the_cycles_of_its_multiplications(design: Design, simulator: Simulator) -> None:
    assert max(component.cycles for component in design.components) == FRAME
    result = check(design, simulator, frames_of(design, 0, 9), EAGER)
    assert result.cycles - result.latency <= 8 * FRAME
    assert result.latency <= promised(design) <= result.latency + 4


@pytest.mark.parametrize("seed", TRAFFIC)
def test_random_valid_and_ready_change_nothing(design: Design, simulator: Simulator, seed: int) -> None:
    check(design, simulator, frames_of(design, seed), Traffic(*TRAFFIC[seed], seed))


@pytest.mark.parametrize("cycle", [1, 30, 75])
def test_reset_in_mid_frame_starts_over(design: Design, simulator: Simulator, cycle: int) -> None:
    check(design, simulator, frames_of(design, cycle), Traffic(80, 80, cycle, reset_at=cycle))


def test_reference_is_what_a_user_means(design: Design) -> None:
    frames = frames_of(design, 1)
    check_reference(design, frames, list(CASES), expected(frames))


def test_lint_finds_nothing(design: Design, simulator: Simulator) -> None:
    assert verilate.lint(design.top, simulator.sources) == ""


def test_design_survives_json(design: Design) -> None:
    assert Design.from_json(design.to_json()) == design


def test_a_right_matrix_from_outside_comes_in_beats_of_all_that_is_multiplied_at_once() -> None:
    class Product(nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return left @ right

    left, right = torch.linspace(-1, 1, 24).view(6, 4), torch.linspace(1, -1, 32).view(4, 8)
    for parallelism, beat in (("2x8", 16), ("2x4", 4), ("1x8", 8)):
        target = f"hls,simulator=interpreter,parallelism={parallelism}"
        made = stepwell.compile(Product(), (left, right), target=target, calibration=[(left, right)])
        (product,) = made.runnable.design.components
        assert isinstance(product, Matmul)
        assert product.inputs[1].beat == beat
        assert product.spread(product.parallelism) == product
        assert product.spread((4, 8)).inputs[1].beat == (32 if parallelism == "2x8" else 8)
