"""Tables in Verilator: every function on every number, formats, traffic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from roundings import clamped, rounded
from side_by_side import TRAFFIC, Frames, build, check_hardware, joined, random_frames

from stepwell.backends.hls import verilate
from stepwell.backends.hls.components.base import Array, Port
from stepwell.backends.hls.components.table import Table
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.support.fixed_point import Format
from stepwell.support.interpolation import evaluate, lines
from stepwell.support.tables import FUNCTIONS, function_of, table

Tensor = torch.Tensor
MEANT: dict[str, Callable[[Tensor], Tensor]] = {
    "erf": torch.erf,
    "exp": torch.exp,
    "hardsigmoid": torch.nn.functional.hardsigmoid,
    "hardswish": torch.nn.functional.hardswish,
    "mish": torch.nn.functional.mish,
    "softplus": torch.nn.functional.softplus,
    "elu:1.5,2.0,0.5": lambda x: torch.ops.aten.elu(x, 1.5, 2.0, 0.5),
    "leaky-relu:0.1": lambda x: torch.nn.functional.leaky_relu(x, 0.1),
    "gelu": torch.nn.functional.gelu,
    "gelu-tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "sigmoid": torch.sigmoid,
    "silu": torch.nn.functional.silu,
    "tanh": torch.tanh,
}
SHAPE = (4, 64)  # all numbers of 8 bits


def look(function: str, source: Format, result: Format, beat: int = 4, rounding: str = "half-even") -> Table:
    ends = [Port(name, k.width + (not k.signed), beat, SHAPE) for name, k in (("in", source), ("out", result))]
    formats = [(kind.width, kind.frac, int(kind.signed)) for kind in (source, result)]
    return Table("", (), "model.py:1:0", tuple(ends[:1]), tuple(ends[1:]), function, formats[0], formats[1], rounding)


CASES: dict[str, Table] = {
    **{name: look(name, Format(8, 5), Format(8, 6)) for name in FUNCTIONS},
    "elu": look("elu:1.5,2.0,0.5", Format(8, 5), Format(8, 5)),
    "leaky-relu": look("leaky-relu:0.1", Format(8, 4), Format(8, 6)),
    "unsigned": look("sigmoid", Format(7, 4, signed=False), Format(8, 8, signed=False), 1),
    "coarse": look("gelu", Format(8, 0), Format(8, 0), 64, "to-zero"),
    "fine": look("exp", Format(8, 12), Format(16, 14), 2),
}


LINES: dict[str, Table] = {
    "lines-gelu": look("gelu", Format(16, 12), Format(16, 12), 2),
    "lines-silu": look("silu", Format(16, 13), Format(12, 9), 1, "half-even"),
    "lines-tanh": look("tanh", Format(14, 11), Format(16, 15), 4, "half-up"),
    "lines-unsigned": look("sigmoid", Format(13, 10, signed=False), Format(14, 14, signed=False), 1, "to-zero"),
    "lines-exp": look("exp", Format(16, 12), Format(16, 4, signed=False), 2, "floor"),
}
"""Of more bits than a table is made for."""


@pytest.fixture(scope="module")
def design() -> Design:
    """All cases side by side: one build."""
    return joined({**CASES, **LINES})


@pytest.fixture(scope="module")
def simulator(design: Design) -> Simulator:
    return build(design)


def frames_of(design: Design, seed: int) -> Frames:
    frames = random_frames(design, seed, lambda _, low, high: (low, high))
    for name, component in CASES.items():
        numbers = np.resize(np.arange(*component.formats[0].range), SHAPE)
        frames[f"{name}-in"][:] = np.random.default_rng(seed).permuted(numbers)
    return frames


def expected(frames: Frames) -> list[Array]:
    tables = [meant(component, frames[f"{name}-in"]) for name, component in CASES.items()]
    return tables + [evaluate(frames[f"{name}-in"], *words_of(component)) for name, component in LINES.items()]


def words_of(component: Table) -> tuple[str, Format, Format, str]:
    return component.function, *component.formats, component.rounding


def meant(component: Table, frames: Array) -> Array:
    """PyTorch's functions in float64: they end in other last bits, which no tie is near to."""
    source, result = component.formats
    real = MEANT[component.function](torch.from_numpy(np.ldexp(frames.astype(np.float64), -source.frac))).numpy()
    return clamped(rounded(np.ldexp(real, result.frac), component.rounding), result.range)


def check(design: Design, simulator: Simulator, seed: int, traffic: Traffic) -> Any:
    frames = frames_of(design, seed)
    return check_hardware(simulator, frames, [*CASES, *LINES], expected(frames), traffic)


def test_a_beat_a_cycle(design: Design, simulator: Simulator) -> None:
    result = check(design, simulator, 0, EAGER)
    assert result.cycles <= 3 * design.cycles + 4


@pytest.mark.parametrize("seed", TRAFFIC)
def test_random_valid_and_ready_change_nothing(design: Design, simulator: Simulator, seed: int) -> None:
    check(design, simulator, seed, Traffic(*TRAFFIC[seed], seed))


@pytest.mark.parametrize("cycle", [1, 2, 5])
def test_reset_in_mid_frame_starts_over(design: Design, simulator: Simulator, cycle: int) -> None:
    check(design, simulator, cycle, Traffic(80, 80, cycle, reset_at=cycle))


def test_reference_is_what_a_user_means(design: Design) -> None:
    frames = frames_of(design, 1)
    got = design.reference({name: values[0] for name, values in frames.items()}, {})
    for result, want in zip(got, expected(frames), strict=True):
        np.testing.assert_array_equal(result, want[0])


def test_lint_finds_nothing(design: Design, simulator: Simulator) -> None:
    assert verilate.lint(design.top, simulator.sources) == ""


def test_design_survives_json(design: Design) -> None:
    assert Design.from_json(design.to_json()) == design


def every(kind: Format) -> Array:
    return np.arange(kind.range[0], kind.range[1] + 1)


@pytest.mark.parametrize("name", LINES)
def test_lines_are_less_than_a_unit_off(name: str) -> None:
    function, source, result, rounding = words_of(LINES[name])
    numbers = every(source)
    real = MEANT[function](torch.from_numpy(np.ldexp(numbers.astype(np.float64), -source.frac))).numpy()
    wanted = np.clip(np.ldexp(real, result.frac), *result.range)
    got = evaluate(numbers, function, source, result, rounding)
    assert lines(function, source, result).is_close
    allowed = 1 if rounding.startswith("half") else 1.5
    assert np.abs(got - wanted).max() <= allowed
    assert len(lines(function, source, result).starts) <= 2048


@pytest.mark.parametrize(("function", "reach"), [(f, r) for f in FUNCTIONS for r in (1, 4, 8)])
def test_lines_of_sixteen_bits(function: str, reach: int) -> None:
    source = Format(16, 15 - reach.bit_length() + 1)
    numbers = every(source)
    real = MEANT[function](torch.from_numpy(np.ldexp(numbers.astype(np.float64), -source.frac))).numpy()
    result = Format(16, 15 - int(np.frexp(np.abs(real).max())[1]))
    got = evaluate(numbers, function, source, result, "half-up")
    assert np.abs(got - np.clip(np.ldexp(real, result.frac), *result.range)).max() <= 1


def test_where_no_lines_are_close() -> None:
    assert not lines("tanh", Format(16, 4), Format(16, 15)).is_close


@pytest.mark.parametrize("word", ["sine", "elu:1", "leaky-relu", "leaky-relu:steep", "leaky-relu:inf", "gelu:1"])
def test_functions_that_do_not_exist(word: str) -> None:
    assert function_of(word) is None


@pytest.mark.parametrize("function", FUNCTIONS)
def test_ends_of_wide_ranges(function: str) -> None:
    entries = table(function, Format(12, -2), Format(8, 4), "half-up")
    real = MEANT[function](torch.tensor([8188.0, -8192.0, 0.0], dtype=torch.float64)).numpy()
    np.testing.assert_array_equal(entries[[2047, 2048, 0]], np.clip(np.round(real * 16), -128, 127))
