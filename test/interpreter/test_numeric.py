"""Operations of the numeric dialect in the interpreter, against integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from numeric_operation import run, tensor
from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.context import make_context
from stepwell.dialects.numeric_rules import read_format
from stepwell.support.fixed_point import Format, smallest_format


def test_quantize_and_back() -> None:
    x = np.array([0.25, -0.3, 100.0, -100.0, np.nan, 0.0], np.float32)
    got = run("quantize", ["tensor<6xf32>"], tensor("6", 6, 2), [x], rounding='"half-even"', overflow='"saturate"')
    assert got.dtype == np.int8
    assert got.tolist() == [1, -1, 31, -32, 0, 0]
    back = run("dequantize", [tensor("6", 6, 2)], "tensor<6xf32>", [got])
    assert back.dtype == np.float32
    assert back.tolist() == [0.25, -0.25, 7.75, -8.0, 0.0, 0.0]


@pytest.mark.parametrize("target", [(6, 1), (6, 3), (9, 5)])
def test_cast_keeps_the_number_as_near_as_the_format_allows(target: tuple[int, int]) -> None:
    width, frac = target
    values = np.arange(-128, 128, dtype=np.int8)
    words = {"rounding": '"floor"', "overflow": '"saturate"'}
    got = run("cast", [tensor("256", 8, 3)], tensor("256", width, frac), [values], **words)
    low, high = Format(width).range
    expected = [min(max(math.floor(Fraction(int(n), 8) * 2**frac), low), high) for n in values]
    assert got.tolist() == expected


def test_cast_to_unsigned_cuts_negative_numbers_off() -> None:
    values = np.arange(-8, 8, dtype=np.int8)
    words = {"rounding": '"floor"', "overflow": '"saturate"'}
    got = run("cast", [tensor("16", 4)], tensor("16", 3, 0, "unsigned"), [values], **words)
    assert got.tolist() == [0] * 8 + list(range(8))


def test_requantize_scales_integers_whatever_they_stand_for() -> None:
    values = np.array([-1000, -1, 0, 1, 7, 1000], np.int16)
    words = {"multiplier": "77", "shift": "9", "rounding": '"half-away"', "overflow": '"wrap"'}
    got = run("requantize", [tensor("6", 12, 5)], tensor("6", 8, -3), [values], **words)
    # 150.39 and its negative wrap around 256.
    assert got.tolist() == [106, 0, 0, 0, 1, -106]


@pytest.mark.parametrize(("bits", "left", "right"), [(8, 200, -56), (3, 6, -2), (1, 1, -1)])
def test_reinterpret_reads_the_same_bits(bits: int, left: int, right: int) -> None:
    unsigned, signed = tensor("1", bits, 0, "unsigned"), tensor("1", bits)
    assert run("reinterpret", [unsigned], signed, [np.array([left], np.int16 if bits == 8 else np.int8)]) == [right]
    assert run("reinterpret", [signed], unsigned, [np.array([right], np.int8)]) == [left]
    integer = run(
        "reinterpret", [unsigned], f"tensor<1xi{bits}>", [np.array([left], np.int16 if bits == 8 else np.int8)]
    )
    assert run("reinterpret", [f"tensor<1xi{bits}>"], unsigned, [integer]) == [left]


@pytest.mark.parametrize("width", [4, 31, 40, 80])
@pytest.mark.parametrize("name", ["add", "multiply", "matmul"])
def test_arithmetic_is_exact_at_any_width(name: str, width: int) -> None:
    low, high = Format(width).range
    corners = np.array([[low, high, 0, low, -1], [high, high, 1, low, low]], object)
    left = corners.astype(Format(width).dtype)
    right = left.T.copy() if name == "matmul" else left[::-1].copy()
    if name == "add":
        kind = smallest_format((2 * low, 2 * high))
        expected = left.astype(object) + right.astype(object)
    elif name == "multiply":
        kind = smallest_format((low * high, low * low), 4)
        expected = left.astype(object) * right.astype(object)
    else:
        kind = smallest_format((5 * low * high, 5 * low * low), 4)
        expected = left.astype(object) @ right.astype(object)
    frac = 0 if name == "add" else 2
    shapes = ("2x5", "5x2", "2x2") if name == "matmul" else ("2x5", "2x5", "2x5")
    types = [tensor(shape, width, frac) for shape in shapes[:2]]
    got = run(name, types, tensor(shapes[2], kind.width, kind.frac), [left, right])
    assert got.astype(object).tolist() == expected.tolist()


def test_a_row_is_added_to_every_row() -> None:
    left, right = np.arange(6, dtype=np.int8).reshape(2, 3), np.array([10, -20, 30], np.int8)
    got = run("add", [tensor("2x3", 4), tensor("3", 6)], tensor("2x3", 7), [left, right])
    assert got.tolist() == (left + right).tolist()


def test_empty_tensors() -> None:
    nothing, words = np.zeros((0, 4), np.float32), {"rounding": '"ceil"', "overflow": '"wrap"'}
    assert run("quantize", ["tensor<0x4xf32>"], tensor("0x4", 5), [nothing], **words).shape == (0, 4)


def test_format_of_a_type() -> None:
    context = make_context(torch=False)
    numeric.load(context)
    with context, ir.Location.unknown():
        for kind in (Format(5, -3), Format(64, 7, signed=False)):
            assert read_format(numeric.fixed_type(kind)) == kind
            assert read_format(ir.RankedTensorType.get([2, 3], numeric.fixed_type(kind))) == kind
        assert read_format(ir.F32Type.get()) is None


def test_reshape_and_transpose_move_numbers() -> None:
    values = np.arange(12, dtype=np.int8).reshape(2, 3, 2)
    got = run("transpose", [tensor("?x3x2", 5)], tensor("2x?x3", 5), [values], permutation="[2, 0, 1]")
    np.testing.assert_array_equal(got, values.transpose(2, 0, 1))
    assert run("reshape", [tensor("2x?x3", 5)], tensor("?x6", 5), [got]).tolist() == got.reshape(2, 6).tolist()
