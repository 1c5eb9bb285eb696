"""The generated SystemVerilog in Verilator against plain integers: shapes, parallelism, stalls, resets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from side_by_side import check_schedules

from stepwell.backends.hls import verilate
from stepwell.backends.hls.simulate import EAGER, Traffic

FULL = (-(1 << 31), (1 << 31) - 1)
# Rows, inputs, outputs, multipliers by inputs, by outputs: each is one build.
CASES: dict[str, tuple[tuple[int, int, int, int, int], dict[str, Any]]] = {
    "8x8-by-4x4": ((5, 8, 8, 4, 4), {}),
    "one-multiplier": ((1, 8, 8, 1, 1), {"bias": False, "shift": 0, "clamp": FULL, "out_bits": 32, "accumulator": 19}),
    "half-even": ((5, 8, 8, 4, 4), {"rounding": "half-even", "shift": 3}),
    "half-away-in-one-beat": ((3, 4, 3, 4, 3), {"rounding": "half-away", "shift": 4}),
    "half-up-in-one-beat": ((3, 4, 3, 4, 3), {"rounding": "half-up", "shift": 5, "clamp": (0, 127)}),
    "to-zero": ((3, 5, 3, 1, 1), {"rounding": "to-zero", "shift": 6}),
    "uneven-2x4": ((3, 8, 8, 2, 4), {"layout": "nk", "clamp": (0, 127)}),
    "whole-row-8x8": ((5, 8, 8, 8, 8), {}),
    "prime-7x5-by-7x1": ((2, 7, 5, 7, 1), {}),
    "prime-7x5-by-1x5-int16": ((2, 7, 5, 1, 5), {"bits": 16, "out_bits": 16, "shift": 14, "clamp": (-32768, 32767)}),
}


@pytest.fixture(scope="module", params=CASES)
def layer(request: pytest.FixtureRequest, make_layer: Any) -> Any:
    shape, options = CASES[request.param]
    return make_layer(*shape, **options)


def _frames(layer: Any, count: int, seed: int = 1) -> Any:
    port = layer.design.inputs[0]
    bound = 1 << (port.bits - 1)
    return np.random.default_rng(seed).integers(-bound, bound, (count, *port.shape)).astype(f"int{port.bits}")


def test_frames_back_to_back_near_the_bound(layer: Any) -> None:
    frames = _frames(layer, 4)
    result = layer.simulator().run({"x": frames}, EAGER)
    np.testing.assert_array_equal(result.outputs[0], layer.expected(frames))
    assert result.cycles <= 4 * layer.design.cycles + layer.spec.latency
    assert result.latency <= layer.design.cycles + layer.spec.latency
    check_schedules(layer.design, result, 4)


@pytest.mark.parametrize("traffic", [Traffic(50, 100, 1), Traffic(100, 30, 2), Traffic(60, 60, 3), Traffic(20, 20, 4)])
def test_random_valid_and_ready_change_nothing(layer: Any, traffic: Traffic) -> None:
    frames = _frames(layer, 3, seed=traffic.seed)
    result = layer.simulator().run({"x": frames}, traffic)
    np.testing.assert_array_equal(result.outputs[0], layer.expected(frames))


@pytest.mark.parametrize("cycle", [1, 6, 13])
def test_reset_in_mid_frame_starts_over(layer: Any, cycle: int) -> None:
    frames = _frames(layer, 3)
    result = layer.simulator().run({"x": frames}, Traffic(80, 80, 5, reset_at=cycle))
    np.testing.assert_array_equal(result.outputs[0], layer.expected(frames))


@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_values(layer: Any, sign: int) -> None:
    port, kind = layer.design.inputs[0], f"int{layer.design.inputs[0].bits}"
    lowest = np.iinfo(kind).min
    before = layer.parameters["w"]
    layer.parameters["w"] = np.full_like(before, lowest)
    try:
        frames = np.full((2, *port.shape), lowest if sign > 0 else np.iinfo(kind).max, kind)
        result = layer.simulator().run({"x": frames})
        np.testing.assert_array_equal(result.outputs[0], layer.expected(frames))
    finally:
        layer.parameters["w"] = before


def test_component_reference_is_what_the_hardware_computes(layer: Any) -> None:
    frames = _frames(layer, 3)
    expected = layer.expected(frames)
    for frame, wanted in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(layer.design.reference({"x": frame}, layer.parameters)[0], wanted)


def test_lint_finds_nothing(layer: Any) -> None:
    assert verilate.lint(layer.design.top, layer.simulator().sources) == ""


def test_nothing_is_a_latch(layer: Any) -> None:
    for text in layer.simulator().sources.values():
        assert b"always_latch" not in text
        assert b"always @(*)" not in text
