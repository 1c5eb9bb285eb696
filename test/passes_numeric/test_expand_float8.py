"""expand-float8 against ml_dtypes, bit for bit: every number of 8 bits, every one of 16, a sample of the others."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numeric_check import Array, apply

from stepwell.backends.interpreter.entry import run_entry
from stepwell.support.dtypes import numpy_dtype

DTYPES: dict[str, Any] = {"f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E5M2": ml_dtypes.float8_e5m2}

_MODULE = """
#id = affine_map<(d) -> (d)>
func.func @main(%x: tensor<?x{source}> {{stepwell.input = "x"}}) -> (tensor<?x{target}> {{stepwell.output = "0"}}) {{
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x{source}>
  %e = tensor.empty(%n) : tensor<?x{target}>
  %r = linalg.generic {{indexing_maps = [#id, #id], iterator_types = ["parallel"]}}
      ins(%x : tensor<?x{source}>) outs(%e : tensor<?x{target}>) {{
  ^bb0(%i: {source}, %o: {target}):
    %v = arith.{cast} %i : {source} to {target}
    linalg.yield %v : {target}
  }} -> tensor<?x{target}>
  return %r : tensor<?x{target}>
}}
"""


def cast(name: str, source: str, target: str, values: Array) -> Array:
    text = _MODULE.format(cast=name, source=source, target=target)
    module = apply(text, "expand-float8,canonicalize,cse")
    assert f"{source} to {target}" not in str(module)
    (result,), _ = run_entry(module, [values], {}, {})
    return result


def sample(kind: str) -> Array:
    """Numbers of a type: all of 16 bits; of others random bits, and what is around every number of 8 bits."""
    if kind in ("f16", "bf16"):
        return np.arange(1 << 16, dtype=np.uint16).view(numpy_dtype(kind))
    rng, wide = np.random.default_rng(), np.dtype(kind.replace("f", "float"))
    known = [np.arange(256, dtype=np.uint8).view(dtype).astype(wide) for dtype in DTYPES.values()]
    finite = np.concatenate([np.unique(numbers[np.isfinite(numbers)]) for numbers in known])
    middle = (finite[1:] + finite[:-1]) / 2
    near = [np.nextafter(middle, end) for end in (-np.inf, np.inf)]
    exponents = rng.standard_normal(20000) * 2.0 ** rng.integers(-20, 20, 20000)
    bits = rng.integers(0, 1 << 32, 20000, dtype=np.uint64) << np.uint64(32)
    random = (bits if kind == "f64" else (bits >> np.uint64(32)).astype(np.uint32)).view(wide)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 464.0, 464.01, 61440.0, 1e30], wide)
    return np.concatenate([*known, middle, *near, exponents.astype(wide), random, special])


def odd(values: Array) -> Array:
    """f64 in f32, its last bit set where something was cut off, which rounds as all of it does.

    ml_dtypes rounds f64 twice.
    """
    if values.dtype != np.float64:
        return values
    near = values.astype(np.float32)
    short = np.where(np.abs(near) > np.abs(values), np.nextafter(near, np.float32(0)), near)
    inexact = (short != values) & ~np.isnan(values)
    return (short.view(np.uint32) | inexact.astype(np.uint32)).view(np.float32)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", ["f32", "f64", "f16", "bf16"])
def test_every_number_is_extended(source: str, target: str) -> None:
    values = np.arange(256, dtype=np.uint8).view(DTYPES[source])
    result = cast("extf", source, target, values)
    np.testing.assert_array_equal(result.astype(np.float64), values.astype(np.float64))
    np.testing.assert_array_equal(np.signbit(result.astype(np.float64)), np.signbit(values.astype(np.float64)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("source", ["f32", "f64", "f16", "bf16"])
def test_numbers_are_rounded(source: str, target: str) -> None:
    values = sample(source)
    result, expected = cast("truncf", source, target, values), odd(values).astype(DTYPES[target])
    nan = np.isnan(expected.astype(np.float32))
    np.testing.assert_array_equal(np.isnan(result.astype(np.float32)), nan)
    np.testing.assert_array_equal(result.view(np.uint8)[~nan], expected.view(np.uint8)[~nan])
