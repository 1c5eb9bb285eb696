"""Perceptrons of any size, width and rounding: the hardware level gives the very numbers of the quantised model."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import stepwell
from stepwell.backends.interpreter.graph import GraphInterpreter
from stepwell.backends.interpreter.stream import run_stream
from stepwell.frontend.program import parameters_of
from stepwell.support.fixed_point import ROUNDINGS

WIDTHS = st.integers(2, 14)


@st.composite
def perceptrons(draw: Any) -> tuple[nn.Module, int, int]:
    """A model, its inputs, and a seed."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=2, max_size=4))
    torch.manual_seed(draw(st.integers(0, 99)))
    layers: list[nn.Module] = []
    for inner, outer in itertools.pairwise(sizes):
        layers.append(nn.Linear(inner, outer, bias=draw(st.booleans())))
        if draw(st.booleans()):
            layers.append(nn.ReLU())
    return nn.Sequential(*layers), draw(st.integers(1, 4)), sizes[0]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(perceptrons(), WIDTHS, WIDTHS, st.sampled_from(ROUNDINGS))
def test_hardware_level_is_the_quantised_model(
    perceptron: tuple[nn.Module, int, int], bits: int, weight_bits: int, rounding: str
) -> None:
    model, rows, size = perceptron
    samples = [(torch.randn(rows, size),) for _ in range(2)]
    target = f"hls,bits={bits},weight-bits={weight_bits},rounding={rounding}"
    graph, hardware = (
        stepwell.lower(model, samples[0], target=target, to=level, calibration=samples)
        for level in ("graph", "hardware")
    )
    assert "torch.aten.mm" not in str(graph)
    for x in (*samples[0], 5 * torch.randn(rows, size)):
        (wanted,) = GraphInterpreter(graph).run_entry([x], parameters_of(graph) or {})
        (got,) = run_stream(hardware.operation, {"input": x.numpy()}, parameters_of(hardware) or {})
        np.testing.assert_array_equal(got, wanted.numpy())
