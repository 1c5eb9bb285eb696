"""Integers under a scale, against PyTorch's own operators and against fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed
from hypothesis import given
from hypothesis import strategies as st

from stepwell.support import scales
from stepwell.support.scales import Scale

SPECIAL = [0.0, -0.0, np.inf, -np.inf, 1e38, -1e38, 1e-45, 0.5, -0.5, 1.5]


@pytest.mark.parametrize("step", [0.0171013772, 1.0, 3.25, 1e-6])
@pytest.mark.parametrize("zero_point", [-128, -3, 0, 6])
def test_reciprocal_is_what_pytorch_computes(step: float, zero_point: int) -> None:
    rng = np.random.default_rng(zero_point % 7)
    values = np.concatenate([rng.normal(0, 60 * step, 4000), SPECIAL]).astype(np.float32)
    ends = -128 - zero_point, 127 - zero_point
    got = scales.quantize(values, Scale(float(np.float32(step)), "reciprocal", ends)) + zero_point
    wanted = torch.ops.quantized_decomposed.quantize_per_tensor(
        torch.from_numpy(values), float(np.float32(step)), zero_point, -128, 127, torch.int8
    )
    np.testing.assert_array_equal(got, wanted.numpy())


def test_division_rounds_ties_to_even() -> None:
    values = np.array([-0.75, -0.25, 0.25, 0.75, 1.25], np.float32)
    np.testing.assert_array_equal(scales.quantize(values, Scale(0.5, "divide", (-8, 7))), [-2, 0, 0, 2, 2])


def test_the_two_ways_differ() -> None:
    values = np.random.default_rng(0).normal(0, 1, 200_000).astype(np.float32)
    ways = [scales.quantize(values, Scale(float(np.float32(1e-5)), way, (-(1 << 20), 1 << 20))) for way in scales.WAYS]
    assert (ways[0] != ways[1]).any()


def test_not_a_number_is_zero_and_infinity_an_end() -> None:
    got = scales.quantize(np.array([np.nan, np.inf, -np.inf], np.float32), Scale(0.1, "divide", (-8, 7)))
    np.testing.assert_array_equal(got, [0, 7, -8])


def test_floats_are_the_product_in_f32() -> None:
    integers = np.arange(-128, 128)
    step = float(np.float32(0.0171013772))
    wanted = torch.ops.quantized_decomposed.dequantize_per_tensor(
        torch.arange(-128, 128, dtype=torch.int16), step, 0, -128, 127, torch.int16
    )
    np.testing.assert_array_equal(scales.dequantize(integers, step), wanted.numpy())


def test_clamp_keeps_what_lies_between() -> None:
    np.testing.assert_array_equal(scales.clamp(np.array([-9, -2, 0, 5, 9]), (-2, 5)), [-2, -2, 0, 5, 5])


@given(
    st.fractions(min_value=Fraction(1, 1 << 30), max_value=1 << 20).filter(lambda ratio: ratio > 0),
    st.integers(min_value=2, max_value=32),
)
def test_integer_ratio_is_as_near_as_its_bits_allow(ratio: Fraction, bits: int) -> None:
    multiplier, shift = scales.integer_ratio(ratio, bits)
    assert 1 <= multiplier < 1 << bits
    assert multiplier % 2 == 1
    assert abs(multiplier * Fraction(2) ** -shift - ratio) <= ratio / (1 << bits) * Fraction(1)


@pytest.mark.parametrize("ratio", [Fraction(1, 8), Fraction(1), Fraction(1 << 20)])
def test_a_power_of_two_is_a_shift(ratio: Fraction) -> None:
    assert scales.integer_ratio(ratio, 17)[0] == 1


@pytest.mark.parametrize("ratio", [Fraction(0), Fraction(-1, 3)])
def test_a_ratio_that_is_not_positive_is_refused(ratio: Fraction) -> None:
    with pytest.raises(ValueError, match="the ratio of two scales is positive"):
        scales.integer_ratio(ratio, 8)
