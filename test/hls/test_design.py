"""Designs as data, widths, memories, references: no tool is run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stepwell.backends.hls.design import Design
from stepwell.support.errors import ArtifactError
from stepwell.support.widths import dot_product_range, signed_range, signed_width


def test_design_survives_json(make_layer: Any) -> None:
    design = make_layer(5, 8, 8, 4, 2).design
    assert Design.from_json(design.to_json()) == design


@pytest.mark.parametrize(
    "text", ["", "{}", '{"top": "a", "inputs": [], "components": [{"kind": "fft"}], "outputs": []}']
)
def test_damaged_design_is_refused(text: str) -> None:
    with pytest.raises(ArtifactError, match="the hardware design can't be read"):
        Design.from_json(text)


def test_memory_words_hold_a_tile_each_first_element_lowest(make_layer: Any) -> None:
    layer = make_layer(1, 4, 4, 2, 2, bias=False)
    layer.parameters["w"] = np.arange(16, dtype=np.int8).reshape(4, 4)
    words = layer.design.memories(layer.parameters)["linear0_weight.mem"]
    # Columns 0 and 1, rows 0 and 1; then rows 2 and 3; then columns 2 and 3.
    assert words == ["05010400", "0d090c08", "07030602", "0f0b0e0a"]


def test_negative_weights_are_twos_complement(make_layer: Any) -> None:
    layer = make_layer(1, 1, 1, 1, 1, bias=False)
    layer.parameters["w"] = np.array([[-1]], np.int8)
    assert layer.design.memories(layer.parameters)["linear0_weight.mem"] == ["ff"]


@pytest.mark.parametrize(("values", "bits"), [((0, 0), 1), ((-1, 0), 1), ((0, 1), 2), ((-128, 127), 8), ((0, 128), 9)])
def test_signed_width(values: tuple[int, int], bits: int) -> None:
    assert signed_width(values) == bits
    low, high = signed_range(bits)
    assert low <= values[0]
    assert values[1] <= high


def test_accumulator_of_int8_products() -> None:
    # 8 * (-128 * -128) = 2**17 does not fit 18 bits.
    assert signed_width(dot_product_range(8, signed_range(8), signed_range(8))) == 19


@pytest.mark.parametrize("accumulator", [8, 16, 32])
def test_reference_wraps_at_the_accumulator(make_layer: Any, accumulator: int) -> None:
    full = (-(1 << 63), (1 << 63) - 1)
    layer = make_layer(2, 64, 4, 1, 1, accumulator=accumulator, shift=0, clamp=full, out_bits=accumulator)
    x = np.random.default_rng(3).integers(-128, 128, (2, 64)).astype(np.int8)
    exact = x.astype(np.int64) @ layer.parameters["w"].astype(np.int64) + layer.parameters["b"]
    got = layer.design.reference({"x": x}, layer.parameters)[0]
    np.testing.assert_array_equal(got, exact.astype(f"int{accumulator}"))
