"""Functions of one fixed-point number as tables of integers: what a table has is what the function is."""

from __future__ import annotations

import math
from collections.abc import Callable
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


FUNCTIONS: dict[str, Callable[[float], float]] = {
    "exp": _exp,
    "gelu": _gelu,
    "gelu-tanh": _gelu_tanh,
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "tanh": math.tanh,
}
"""In float64, by name; ``gelu-tanh`` is the approximation of ``gelu`` by tanh."""


@cache
def table(function: str, source: Format, result: Format, rounding: str) -> Array:
    """The results for all numbers of ``source``: that of an integer ``n`` stands at ``n`` modulo ``2**source.width``.

    Every entry is the function's value in float64, rounded; outside of ``result`` it saturates.
    """
    low, high = source.range
    numbers = np.arange(low, high + 1)
    values = [FUNCTIONS[function](math.ldexp(int(n), -source.frac)) for n in numbers]
    entries = np.empty(len(numbers), object)
    entries[numbers % len(numbers)] = quantize(np.array(values), result, rounding, "saturate")
    return entries.astype(result.dtype)


def look_up(values: Array, function: str, source: Format, result: Format, rounding: str) -> Array:
    """``function`` of integers of ``source``."""
    places = np.asarray(values).astype(np.int64) & ((1 << source.width) - 1)
    return np.asarray(table(function, source, result, rounding)[places])
