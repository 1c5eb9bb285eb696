import math

import ml_dtypes
import numpy as np
import pytest


def unary(name: str, kind: str) -> str:
    return f"""func.func @main(%a: {kind}) -> {kind} {{
      %0 = {name} %a : {kind}
      return %0 : {kind}
    }}"""


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "cos", "tanh", "erf", "expm1", "log1p", "floor", "ceil"])
def test_agrees_with_the_standard_library(run, name):
    values = np.array([0.25, 0.5, 1.5, 2.75])
    (result,) = run(unary(f"math.{name}", "tensor<4xf64>"), values)
    assert np.allclose(result, [getattr(math, name)(value) for value in values], rtol=1e-15)


def test_rsqrt_keeps_the_type(run):
    (result,) = run(unary("math.rsqrt", "tensor<2xf32>"), np.array([4.0, 16.0], np.float32))
    assert result.dtype == np.float32
    assert (result == [0.5, 0.25]).all()


def test_bfloat16_is_computed_wider_and_rounded_once(run):
    value = np.array([1.3], ml_dtypes.bfloat16)
    (result,) = run(unary("math.exp", "tensor<1xbf16>"), value)
    assert result == np.exp(value.astype(np.float32)).astype(ml_dtypes.bfloat16)


@pytest.mark.parametrize(("name", "expected"), [("round", [-3, 3, 1]), ("roundeven", [-2, 2, 1])])
def test_halves(run, name, expected):
    (result,) = run(unary(f"math.{name}", "tensor<3xf32>"), np.array([-2.5, 2.5, 1.4], np.float32))
    assert (result == expected).all()


@pytest.mark.parametrize(("name", "expected"), [("ctpop", 8), ("ctlz", 0), ("cttz", 0), ("absi", 1)])
def test_bits_of_minus_one(run, name, expected):
    assert run(unary(f"math.{name}", "i8"), -1)[0] == expected


def test_fma_does_not_round_the_product(run):
    text = """func.func @main(%a: f32, %b: f32, %c: f32) -> f32 {
      %0 = math.fma %a, %b, %c : f32
      return %0 : f32
    }"""
    a = np.float32(1) + np.float32(2**-12)
    exact = float(a) * float(a) - 1.0
    assert run(text, a, a, -1.0)[0] == np.float32(exact)
    assert a * a - np.float32(1) != np.float32(exact)


@pytest.mark.parametrize(("base", "exponent", "expected"), [(3, 4, 81), (2, -1, 0), (-1, -3, -1), (2, 40, 0)])
def test_integer_power(run, base, exponent, expected):
    text = """func.func @main(%a: i32, %b: i32) -> i32 {
      %0 = math.ipowi %a, %b : i32
      return %0 : i32
    }"""
    assert run(text, base, exponent)[0] == expected


def test_complex(run):
    text = """func.func @main(%re: f32, %im: f32) -> (f32, f32, f32) {
      %0 = complex.create %re, %im : complex<f32>
      %1 = complex.mul %0, %0 : complex<f32>
      %2 = complex.re %1 : complex<f32>
      %3 = complex.im %1 : complex<f32>
      %4 = complex.abs %0 : complex<f32>
      return %2, %3, %4 : f32, f32, f32
    }"""
    assert [float(value) for value in run(text, 3.0, 4.0)] == [-7.0, 24.0, 5.0]
