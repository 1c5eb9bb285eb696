"""Fixed-point arithmetic against fractions: every rounding, exhaustively at small widths, and far beyond 64 bits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from stepwell.support import fixed_point as fp
from stepwell.support.fixed_point import OVERFLOWS, ROUNDINGS, Format

FORMATS = [Format(1), Format(1, signed=False), Format(4), Format(4, signed=False), Format(6, 2), Format(3, -1)]


def rounded(value: Fraction, rounding: str) -> int:
    """``value`` to an integer, by the definition of each mode."""
    if rounding == "floor":
        return math.floor(value)
    if rounding == "ceil":
        return math.ceil(value)
    if rounding == "to-zero":
        return math.trunc(value)
    if rounding == "half-even":
        return round(value)
    candidates = [n for n in (math.floor(value), math.ceil(value)) if abs(n - value) <= Fraction(1, 2)]
    return max(candidates) if rounding == "half-up" else max(candidates, key=abs)


def fitted(value: int, kind: Format, overflow: str) -> int:
    """``value`` in ``kind``, counted along its integers."""
    low = -(2 ** (kind.width - 1)) if kind.signed else 0
    high = low + 2**kind.width - 1
    return min(max(value, low), high) if overflow == "saturate" else (value - low) % 2**kind.width + low


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("shift", [-2, 0, 1, 2, 3, 5, 9, 70])
@pytest.mark.parametrize("multiplier", [1, 3, 5])
def test_scaling_rounds_as_fractions_do(rounding: str, shift: int, multiplier: int) -> None:
    values = np.arange(-64, 65)
    expected = [rounded(Fraction(int(n) * multiplier) / Fraction(2) ** shift, rounding) for n in values]
    assert fp.scale_round(values, multiplier, shift, rounding).tolist() == expected


@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("kind", FORMATS, ids=str)
def test_what_does_not_fit(kind: Format, overflow: str) -> None:
    values = np.arange(-300, 301)
    assert fp.fit(values, kind, overflow).tolist() == [fitted(int(n), kind, overflow) for n in values]


@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("kind", FORMATS, ids=str)
def test_every_float_near_the_format_is_quantised_right(kind: Format, rounding: str, overflow: str) -> None:
    grid = np.arange(-320, 321) / 16
    values = np.concatenate([grid, np.nextafter(grid, np.inf), np.nextafter(grid, -np.inf)])
    expected = [fitted(rounded(Fraction(v) * Fraction(2) ** kind.frac, rounding), kind, overflow) for v in values]
    assert fp.quantize(values, kind, rounding, overflow).tolist() == expected


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(
    "kind", [Format(8, 256), Format(8, -256), Format(200, 100), Format(64), Format(63, 3)], ids=str
)
def test_extreme_floats(kind: Format, rounding: str) -> None:
    values = [5e-324, -5e-324, 1.7e308, -1.7e308, 1e19, -1e19, 0.5, -0.5, 0.0, -0.0, 1e-40, 2.0**62, -(2.0**63)]
    for overflow in OVERFLOWS:
        expected = [fitted(rounded(Fraction(v) * Fraction(2) ** kind.frac, rounding), kind, overflow) for v in values]
        assert fp.quantize(np.array(values), kind, rounding, overflow).tolist() == expected


def test_what_is_no_number_has_a_value() -> None:
    values = np.array([np.nan, np.inf, -np.inf], np.float32)
    assert fp.quantize(values, Format(8, 3), "half-even", "saturate").tolist() == [0, 127, -128]
    assert fp.quantize(values, Format(8, 3, signed=False), "half-even", "saturate").tolist() == [0, 255, 0]
    assert fp.quantize(values, Format(8, 3), "half-even", "wrap").tolist() == [0, 0, 0]


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_numbers_wider_than_any_machine_integer(rounding: str) -> None:
    random = np.random.default_rng(3)
    values = [int.from_bytes(random.bytes(24), signed=True) for _ in range(50)] + [0, 1, -1, 1 << 180, -(1 << 180)]
    multiplier, kind = (1 << 61) + 12345, Format(150, 7)
    got = fp.scale_round(np.array(values, object), multiplier, 90, rounding)
    expected = [rounded(Fraction(n * multiplier, 1 << 90), rounding) for n in values]
    assert got.tolist() == expected
    for overflow in OVERFLOWS:
        assert fp.fit(got, kind, overflow).tolist() == [fitted(n, kind, overflow) for n in expected]


@pytest.mark.parametrize("n", [2**62, -(2**62), 2**63 - 1, -(2**63), 2**61 + 1])
@pytest.mark.parametrize("multiplier", [1, 2, 3, 2**40])
@pytest.mark.parametrize("shift", [-3, 0, 1, 61, 62, 63, 64])
def test_the_edges_of_int64(n: int, multiplier: int, shift: int) -> None:
    for rounding in ROUNDINGS:
        got = fp.scale_round(np.array([n], np.int64), multiplier, shift, rounding)
        assert got.tolist() == [rounded(Fraction(n * multiplier) / Fraction(2) ** shift, rounding)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_back_to_floats_rounds_once(dtype: Any) -> None:
    # 2**24 + 1 is a tie for float32; one far below it decides, which float64 on the way would lose.
    values = [
        0,
        1,
        -7,
        2**24 + 1,
        ((2**24 + 1) << 60) + 1,
        -((2**24 + 3) << 40) - 1,
        2**53 + 1,
        (2**53 + 1 << 40) + 1,
        3,
    ]
    got = fp.dequantize(np.array(values, object), 5, dtype)
    assert got.dtype == dtype
    bits = 24 if dtype == np.float32 else 53
    for value, result in zip(values, got.tolist(), strict=True):
        spare = max(0, abs(value).bit_length() - bits)
        assert Fraction(result) == Fraction(round(Fraction(value, 1 << spare)) << spare, 32)


def test_small_integers_survive_a_round_trip() -> None:
    values = np.arange(-(2**11), 2**11)
    for frac in (-3, 0, 4, 140):
        kind = Format(12, frac)
        assert fp.quantize(fp.dequantize(values, frac, np.float64), kind, "floor", "wrap").tolist() == values.tolist()


def test_empty_arrays() -> None:
    nothing = np.zeros((0, 3))
    assert fp.quantize(nothing, Format(8), "half-up", "saturate").shape == (0, 3)
    assert fp.scale_round(nothing.astype(np.int64), 3, 4, "half-up").shape == (0, 3)
    assert fp.dequantize(nothing.astype(object), 4, np.float32).shape == (0, 3)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(Format(8), "int8"), (Format(8, signed=False), "int16"), (Format(64), "int64"), (Format(65), "object")],
)
def test_formats_are_kept_in_the_smallest_dtype(kind: Format, dtype: str) -> None:
    assert kind.dtype == np.dtype(dtype)


@pytest.mark.parametrize("values", [(0, 0), (-1, 0), (0, 1), (-8, 7), (-9, 7), (0, 8), (5, 8), (-9, -9)])
def test_smallest_format_holds_and_none_smaller_does(values: tuple[int, int]) -> None:
    kind = fp.smallest_format(values)
    assert kind.holds(values)
    assert kind.width == 1 or not Format(kind.width - 1).holds(values)
