"""A pass must not change what a program computes: run it before and after, on random inputs, in the interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.entry import run_entry
from stepwell.dialects.context import make_context
from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import parse_pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.support.dtypes import numpy_dtype

Array = np.ndarray[Any, np.dtype[Any]]

TO_BUFFERS = "bufferize,plan-memory,free-buffers,place-parameters,bind-outputs,check-level{level=buffer}"


def random_array(rng: np.random.Generator, shape: Sequence[int], dtype: str = "f32") -> Array:
    """Random numbers: small integers for integer types, a normal distribution for floats."""
    if dtype.startswith("f") or dtype == "bf16":
        return rng.standard_normal(shape).astype(numpy_dtype(dtype))
    return rng.integers(0, 5, shape).astype(numpy_dtype(dtype))


def apply(text: str, pipeline: str, context: PassContext | None = None) -> ir.Module:
    """The module of ``text`` after ``pipeline`` (its elements)."""
    with make_context(torch="tm_tensor" in text), ir.Location.unknown():
        module = ir.Module.parse(text)
        run_pipeline(parse_pipeline(f"builtin.module({pipeline})"), module, context)
        return module


def run(
    module: ir.Module, inputs: Sequence[Array], parameters: Mapping[str, Array] = {}, states: Mapping[str, Array] = {}
) -> tuple[list[Array], dict[str, Array]]:
    """Outputs and new states of ``@main``; inputs and parameters must come out as they went in."""
    before = [value.copy() for value in [*inputs, *parameters.values()]]
    outputs, after = run_entry(module, inputs, parameters, states)
    for old, new in zip(before, [*inputs, *parameters.values()], strict=True):
        np.testing.assert_array_equal(old, new, "an input or parameter was written")
    return outputs, after


def check_pipeline(
    text: str,
    pipeline: str,
    inputs: Sequence[Array],
    *,
    parameters: Mapping[str, Array] = {},
    states: Mapping[str, Array] = {},
    tolerance: float = 1e-5,
) -> ir.Module:
    """Compare ``@main`` of ``text`` before and after ``pipeline``; returns the module after it."""
    want, want_states = run(apply(text, "canonicalize"), inputs, parameters, states)
    module = apply(text, pipeline)
    got, got_states = run(module, inputs, parameters, states)
    assert len(got) == len(want)
    for one, other in zip([*got, *got_states.values()], [*want, *want_states.values()], strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    return module
