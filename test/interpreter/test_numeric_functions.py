"""Tables, softmax and normalisation of fixed-point numbers: the interpreter, and their definitions in integers."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from torch_mlir import ir

from stepwell.backends.interpreter.interpreter import Interpreter
from stepwell.dialects import numeric
from stepwell.dialects.context import make_context
from stepwell.support.fixed_point import Format
from stepwell.support.fixed_rows import Normalization, Softmax, variance_offset
from stepwell.support.scaled_softmax import Reciprocal, ScaledSoftmax, softmax_numbers

KIND = '!numeric.fixed<8, 4, "signed">'
RESULT = '!numeric.fixed<8, 6, "signed">'


def run(name: str, attributes: str, x: Any) -> Any:
    source, output = (f"tensor<{'x'.join(map(str, x.shape))}x{kind}>" for kind in (KIND, RESULT))
    text = f"""
    func.func @main(%x: {source}) -> {output} {{
      %0 = "numeric.{name}"(%x) {{{attributes}, rounding = "half-up"}} : ({source}) -> {output}
      return %0 : {output}
    }}"""
    context = make_context(torch=False)
    numeric.load(context)
    with context, ir.Location.unknown():
        return Interpreter(ir.Module.parse(text)).run("main", [x])[0]


def test_operations_round_what_they_are_defined_by() -> None:
    x = np.random.default_rng(0).integers(-128, 128, (2, 3, 5)).astype(np.int8)
    real = x / 16
    e = np.exp(real - real.max(axis=-1, keepdims=True))
    centered = real - real.mean(axis=-1, keepdims=True)
    meant = {
        ("table", 'function = "tanh"'): np.tanh(real),
        ("softmax", "precision = 14"): e / e.sum(axis=-1, keepdims=True),
        ("normalize", 'by = "variance", epsilon = 0.5 : f64, precision = 14'): centered
        / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 0.5),
        ("normalize", 'by = "mean-square", epsilon = 0.0 : f64, precision = 14'): real
        / np.sqrt((real**2).mean(axis=-1, keepdims=True)),
    }
    for (name, attributes), values in meant.items():
        got = run(name, attributes, x)
        assert got.dtype == np.int8
        assert np.abs(got - np.clip(values * 64, -128, 127)).max() < 0.51, name


def softmax_of(row: list[int], numbers: Softmax) -> list[int]:
    """The definition, one integer at a time."""
    e = [math.floor(math.exp(-(max(row) - x) / 2**numbers.source.frac) * 2**numbers.precision + 0.5) for x in row]
    return [share * (2**numbers.fraction // sum(e)) for share in e]


@pytest.mark.parametrize(("width", "frac", "length", "precision"), [(8, 4, 16, 11), (16, 9, 7, 8), (4, -1, 1, 6)])
def test_softmax_is_its_definition(width: int, frac: int, length: int, precision: int) -> None:
    numbers = Softmax(length, Format(width, frac), precision)
    low, high = numbers.source.range
    rows = np.random.default_rng(width).integers(low, high, (20, length), endpoint=True)
    assert numbers.products(rows).tolist() == [softmax_of(row, numbers) for row in rows.tolist()]


def scaled_softmax_of(row: list[int], numbers: ScaledSoftmax) -> list[int]:
    """The definition, with fractions."""
    lowest, precision = min(range(*numbers.source.range)), numbers.precision
    scale = 2.0**-numbers.source.frac
    offset = math.floor(lowest * scale / math.log(2))
    terms = []
    for x in row:
        p = math.floor(x * scale / math.log(2))
        a = math.floor(math.exp(x * scale) / 2.0**p * 2**precision + 0.5)
        terms.append(Fraction(a) * 2 ** (p - offset))
    t = int(sum(terms)).bit_length() - 1 - precision
    m = math.floor(sum(terms) / 2**t)
    return [math.floor(term * 2 / 2**t) * numbers.reciprocal.of(m) for term in terms]


@pytest.mark.parametrize(("width", "frac", "length", "precision"), [(8, 4, 16, 12), (10, 7, 7, 9), (6, 5, 1, 6)])
def test_scaled_softmax_is_its_definition(width: int, frac: int, length: int, precision: int) -> None:
    numbers = softmax_numbers(length, Format(width, frac), precision)
    assert isinstance(numbers, ScaledSoftmax)
    low, high = numbers.source.range
    rows = np.random.default_rng(width).integers(low, high, (20, length), endpoint=True)
    assert numbers.products(rows).tolist() == [scaled_softmax_of(row, numbers) for row in rows.tolist()]


@pytest.mark.parametrize("precision", range(6, 25))
def test_reciprocals_are_close(precision: int) -> None:
    lines, low = Reciprocal(precision), 1 << precision
    values = [low, 2 * low - 1, *map(int, np.random.default_rng(precision).integers(low, 2 * low, 300))]
    assert all(abs(Fraction(lines.of(v), 2 * low * low) * v - 1) < Fraction(2, low) for v in values)


def test_softmax_is_relative_to_the_largest_where_the_format_reaches_far() -> None:
    near, far = Format(8, 4), Format(8, 2)
    assert isinstance(softmax_numbers(16, near, 12), ScaledSoftmax)
    assert isinstance(softmax_numbers(16, far, 12), Softmax)
    assert isinstance(softmax_numbers(16, Format(13, 9), 12), Softmax)  # a table of all numbers would be too large
    # What elements of streams are, which have a sign, is the same.
    x = np.random.default_rng(0).integers(0, 128, (5, 16))
    unsigned, signed = softmax_numbers(16, Format(7, 4, signed=False), 12), softmax_numbers(16, Format(8, 4), 12)
    assert unsigned.products(x).tolist() == signed.products(x).tolist()


def normalized(row: list[int], numbers: Normalization) -> list[int]:
    """The definition, one integer at a time."""
    n, g, h = numbers.length, numbers.precision, numbers.half_bits
    total = sum(row) if numbers.centered else 0
    spread = n * sum(x * x for x in row) - total**2 + numbers.offset
    k = next(k for k in range(h) if spread << 2 * k >= 1 << (2 * h - 2))
    root = math.isqrt((spread << 2 * k) >> 2 * (h - g))
    return [((n * x - total) << k) * (2 ** (2 * g - 1) // root) for x in row]


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize(
    ("width", "length", "precision"), [(8, 16, 12), (16, 7, 9), (32, 64, 24), (3, 1, 6), (2, 5, 20)]
)
def test_normalization_is_its_definition(width: int, length: int, precision: int, centered: bool) -> None:
    numbers = Normalization(length, Format(width), variance_offset(1e-5, length, 4), centered, precision)
    low, high = numbers.source.range
    rows = np.random.default_rng(width).integers(low, high, (20, length), endpoint=True)
    rows[0] = low
    rows[1] = [low if i % 2 else high for i in range(length)]
    products = numbers.products(rows)
    assert products.tolist() == [normalized(row, numbers) for row in rows.tolist()]
    bound = 1 << (numbers.distance_bits - 1)
    reciprocals = 1 << numbers.precision
    assert max(abs(int(p)) for p in products.ravel()) < bound * reciprocals


def test_results_do_not_depend_on_the_width_of_what_comes_in() -> None:
    rows = np.random.default_rng(0).integers(0, 256, (20, 6))
    narrow, wide = (Normalization(6, kind, 3, True, 12) for kind in (Format(8, signed=False), Format(12)))
    left, right = (n.products(rows) << (40 - n.fraction) for n in (narrow, wide))
    np.testing.assert_array_equal(left, right)
