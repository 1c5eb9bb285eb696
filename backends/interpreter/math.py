"""The math dialect in numpy; error functions through the standard library."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.arith import rounded
from stepwell.backends.interpreter.element_types import element, scalar, unsigned_value, wrap
from stepwell.backends.interpreter.registry import Kernel, kernel


def _scalar_function(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A Python function of one double on arrays, rounded to their dtype."""

    def apply(values: Any) -> Any:
        values = np.asarray(values)
        flat = np.array([function(value) for value in values.ravel().tolist()], np.float64)
        return scalar(flat.reshape(values.shape).astype(values.dtype))

    return apply


def _round_away(a: Any) -> Any:
    truncated = np.trunc(a)
    half = np.abs(a - truncated) >= 0.5
    return np.copysign(np.abs(truncated) + half.astype(np.asarray(a).dtype), a)


_UNARY: dict[str, Callable[[Any], Any]] = {
    "absf": np.abs, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2,
    "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt, "cbrt": np.cbrt, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "floor": np.floor,
    "ceil": np.ceil, "trunc": np.trunc, "roundeven": np.rint, "round": _round_away,
    "rsqrt": lambda a: (1 / np.sqrt(a)).astype(np.asarray(a).dtype),
    "erf": _scalar_function(math.erf), "erfc": _scalar_function(math.erfc),
}  # fmt: skip


@kernel(*(f"math.{name}" for name in _UNARY))
def _unary(op: ir.Operation) -> Kernel:
    return rounded(_UNARY[op.name.removeprefix("math.")], element(op.results[0].type))


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "math.atan2": np.arctan2,
    "math.copysign": np.copysign,
    "math.powf": np.power,
}


@kernel(*_BINARY)
def _binary(op: ir.Operation) -> Kernel:
    return rounded(_BINARY[op.name], element(op.results[0].type))


@kernel("math.sincos")
def _sincos(op: ir.Operation) -> Kernel:
    item = element(op.results[0].type)
    sine, cosine = rounded(np.sin, item), rounded(np.cos, item)
    return lambda a: (sine(a), cosine(a))


@kernel("math.fma", "vector.fma")
def _fma(op: ir.Operation) -> Kernel:
    dtype = element(op.results[0].type).dtype
    # The product is exact in the wider type; the sum is rounded there and once more on the way back.
    wide = np.dtype(np.longdouble if dtype == np.float64 else np.float64)

    def fma(a: Any, b: Any, c: Any) -> Any:
        product = np.asarray(a).astype(wide) * np.asarray(b).astype(wide)
        return scalar(np.asarray(product + np.asarray(c).astype(wide)).astype(dtype))

    return fma


@kernel("math.clampf")
def _clamp(op: ir.Operation) -> Kernel:
    return rounded(lambda value, low, high: np.minimum(np.maximum(value, low), high), element(op.results[0].type))


@kernel("math.isnan", "math.isinf", "math.isfinite", "math.isnormal")
def _classify(op: ir.Operation) -> Kernel:
    dtype = element(op.operands[0].type).dtype
    if op.name != "math.isnormal":
        test = {"math.isnan": np.isnan, "math.isinf": np.isinf, "math.isfinite": np.isfinite}[op.name]
        return lambda a: test(a)
    tiny = float(np.finfo(dtype).tiny)
    return lambda a: np.isfinite(a) & (np.abs(a) >= tiny)


@kernel("math.fpowi")
def _fpowi(op: ir.Operation) -> Kernel:
    item = element(op.results[0].type)
    return rounded(lambda a, b: np.power(a, b.astype(np.asarray(a).dtype)), item)


@kernel("math.ipowi")
def _ipowi(op: ir.Operation) -> Kernel:
    item = element(op.results[0].type)

    def power(base: Any, exponent: Any) -> Any:
        base, exponent = np.broadcast_arrays(base, exponent)
        # A negative exponent leaves 1, -1 (by parity) and 0 of the bases.
        unit = np.where(np.abs(base) == 1, np.where(exponent % 2 == 0, 1, base), 0)
        return wrap(np.where(exponent < 0, unit, np.power(base, np.maximum(exponent, 0))), item)

    return power


@kernel("math.absi")
def _absi(op: ir.Operation) -> Kernel:
    item = element(op.results[0].type)
    return lambda a: wrap(np.abs(a), item)


@kernel("math.ctpop", "math.ctlz", "math.cttz")
def _count_bits(op: ir.Operation) -> Kernel:
    item = element(op.results[0].type)
    width = item.width
    count: Callable[[int], int] = {
        "math.ctpop": lambda value: value.bit_count(),
        "math.ctlz": lambda value: width - value.bit_length(),
        "math.cttz": lambda value: (value & -value).bit_length() - 1 if value else width,
    }[op.name]

    def apply(values: Any) -> Any:
        bits = np.asarray(unsigned_value(values, item))
        counts = np.array([count(value) for value in bits.ravel().tolist()], np.int64)
        return wrap(counts.reshape(bits.shape), item)

    return apply
