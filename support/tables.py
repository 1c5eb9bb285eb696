"""Functions of one fixed-point number as tables of integers: what a table has is what the function is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np

from stepwell.support.fixed_point import Format, quantize

Array = np.ndarray[Any, np.dtype[Any]]

MAX_TABLE_BITS = 12
"""Of a number that a table is read with."""


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _gelu(x: float) -> float:
    return x / 2 * math.erfc(-x / math.sqrt(2))


def _gelu_tanh(x: float) -> float:
    return x * _sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _hard_sigmoid(x: float) -> float:
    return min(max(x / 6 + 0.5, 0.0), 1.0)


def _elu(x: float, alpha: float, scale: float, input_scale: float) -> float:
    return scale * (x if x > 0 else alpha * math.expm1(input_scale * x))


def _leaky_relu(x: float, slope: float) -> float:
    return x if x > 0 else slope * x


FUNCTIONS: dict[str, Callable[[float], float]] = {
    "erf": math.erf,
    "exp": _exp,
    "gelu": _gelu,
    "gelu-tanh": _gelu_tanh,
    "hardsigmoid": _hard_sigmoid,
    "hardswish": lambda x: x * _hard_sigmoid(x),
    "mish": lambda x: x * math.tanh(_softplus(x)),
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": _softplus,
    "tanh": math.tanh,
}
"""In float64, by name; ``gelu-tanh`` is the approximation of ``gelu`` by tanh."""

WITH_NUMBERS: dict[str, tuple[Callable[..., float], int]] = {"elu": (_elu, 3), "leaky-relu": (_leaky_relu, 1)}
"""Those with so many numbers, which stand behind a colon: ``leaky-relu:0.01``, ``elu:1.0,1.0,1.0``."""


def function_of(word: str) -> Callable[[float], float] | None:
    """The function that ``word`` says; None for one that is not known."""
    name, colon, text = word.partition(":")
    if not colon:
        return FUNCTIONS.get(name)
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        return None
    function, count = WITH_NUMBERS.get(name, (_elu, 0))
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        return None
    return lambda x: function(x, *numbers)


def on_numbers(function: str, numbers: Iterable[int], frac: int) -> Array:
    """The function that ``function`` says, in float64, of integers with ``frac`` bits of fraction."""
    real = function_of(function)
    assert real is not None
    return np.array([real(math.ldexp(int(n), -frac)) for n in numbers])


@cache
def table(function: str, source: Format, result: Format, rounding: str) -> Array:
    """The results for all numbers of ``source``: that of an integer ``n`` stands at ``n`` modulo ``2**source.width``.

    Every entry is the function's value in float64, rounded; outside of ``result`` it saturates.
    """
    low, high = source.range
    numbers = np.arange(low, high + 1)
    values = on_numbers(function, numbers, source.frac)
    entries = np.empty(len(numbers), object)
    entries[numbers % len(numbers)] = quantize(values, result, rounding, "saturate")
    return entries.astype(result.dtype)


def look_up(values: Array, function: str, source: Format, result: Format, rounding: str) -> Array:
    """``function`` of integers of ``source``."""
    places = np.asarray(values).astype(np.int64) & ((1 << source.width) - 1)
    return np.asarray(table(function, source, result, rounding)[places])
