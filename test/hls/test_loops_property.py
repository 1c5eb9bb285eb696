"""Random nests: passes keep what they compute, and the hardware computes it, frame after frame."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_cases import Case, component, hardware, side_by_side
from random_loops import random_function
from torch_mlir import ir

from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.simulate import EAGER, Traffic
from stepwell.dialects.context import make_context
from stepwell.passes.hardware.loops.reader import read_loops
from stepwell.support.errors import UnsupportedError
from stepwell.support.loops.evaluate import run
from stepwell.support.loops.nest import Program


def as_written(text: str) -> Program:
    """The nests of a function as they stand."""
    context = make_context(torch=False)
    with context, ir.Location.unknown():
        module = ir.Module.parse(text)
        return read_loops(next(iter(module.body.operations)).operation).program


def compute(text: str, x: Array) -> Array:
    return run(as_written(text), {"arg0": x})["arg1"]


def accepted(seed: int, factors: tuple[int, int]) -> Case | None:
    """A random case, or None where its nests are refused (a value that changes while it is used)."""
    text = random_function(seed)
    try:
        as_written(text)
        case = Case(text, lambda x: compute(text, x), factors)
        component(case)
    except UnsupportedError:
        return None
    return case


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1 << 30), factors=st.tuples(st.sampled_from((1, 2, 3, 4)), st.sampled_from((1, 2, 4))))
def test_passes_change_no_number(seed: int, factors: tuple[int, int]) -> None:
    case = accepted(seed, factors)
    if case is None:
        return
    x = np.random.default_rng(seed).integers(-128, 128, (6, 5)).astype(np.int8)
    (got,) = component(case).reference([x], {})
    program = as_written(case.text)
    # Of triangles also what is left out runs here, and does nothing.
    whole = replace(program, nests=tuple(replace(nest, trips=()) for nest in program.nests))
    np.testing.assert_array_equal(got, run(whole, {"arg0": x})["arg1"], err_msg=case.text)
    np.testing.assert_array_equal(got, compute(case.text, x), err_msg=case.text)


def test_hardware_computes_random_nests() -> None:
    choose = random.Random(0)
    cases: dict[str, Case] = {}
    while len(cases) < 12:
        factors = (choose.choice((1, 2, 4)), choose.choice((1, 2)))
        if (case := accepted(choose.randrange(1 << 30), factors)) is not None:
            cases[f"c{len(cases)}"] = case
    design = side_by_side(cases)
    simulator = hardware(design)
    x = np.random.default_rng(1).integers(-128, 128, (4, 6, 5)).astype(np.int8)
    frames = {port.name: x for port in design.inputs}
    for traffic in (EAGER, Traffic(50, 50, 1), Traffic(90, 20, 2, reset_at=150)):
        result = simulator.run(frames, traffic)
        for case, got in zip(cases.values(), result.outputs, strict=True):
            wanted = [compute(case.text, frame) for frame in x]
            np.testing.assert_array_equal(got, wanted, err_msg=case.text)


def test_most_random_nests_are_accepted() -> None:
    assert sum(accepted(seed, (2, 2)) is not None for seed in range(10)) >= 8
