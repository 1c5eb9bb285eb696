"""Functions of a kernel, evaluated in numpy with the instructions' documented errors against float64."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

from stepwell.backends.cuda.kernels.elementary import functions
from stepwell.backends.cuda.kernels.elementary.functions import BOUNDS, SHORT_BOUND

F32 = np.float32
Array = Any

APPROXIMATE: dict[str, tuple[Callable[[Array], Array], float]] = {
    "ex2.approx.ftz.f32": (np.exp2, 2.0**-22),
    "tanh.approx.f32": (np.tanh, 2.0**-11),
}
"""What an instruction computes and how far off the PTX ISA allows it to be, relatively."""


class Numbers:
    """Builds nothing: what an emitter of a kernel would build is computed at once, in f32."""

    def __init__(self, side: int) -> None:
        self.side = side

    def real(self, value: float) -> Array:
        return F32(value)

    def add(self, a: Array, b: Array) -> Array:
        return a + b

    def sub(self, a: Array, b: Array) -> Array:
        return a - b

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def fma(self, a: Array, b: Array, c: Array) -> Array:
        return (np.float64(a) * np.float64(b) + np.float64(c)).astype(F32)

    def polynomial(self, x: Array, coefficients: tuple[float, ...]) -> Array:
        value = np.full_like(x, coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            value = self.fma(value, x, F32(coefficient))
        return value

    def at_most(self, x: Array, limit: float) -> Array:
        return np.minimum(x, F32(limit))

    def at_least(self, x: Array, limit: float) -> Array:
        return np.maximum(x, F32(limit))

    def bits(self, x: Array) -> Array:
        return x.view(np.int32)

    def from_bits(self, x: Array) -> Array:
        return x.view(F32)

    def shl(self, x: Array, count: int) -> Array:
        return x << count

    def special(self, text: str, x: Array) -> Array:
        function, error = APPROXIMATE[text.split()[0]]
        value = function(np.float64(x)) * (1 + self.side * error)
        return np.where(np.abs(value) < 2.0**-126, 0, value).astype(F32)


def exact(name: str, x: Array) -> Array:
    """In float64."""
    function: Callable[[torch.Tensor], torch.Tensor] = getattr(torch, name)
    return function(torch.from_numpy(x.astype(np.float64))).numpy()


def numbers(side: int) -> Any:
    """Stands where an emitter is asked for."""
    return Numbers(side)


@pytest.mark.parametrize("side", [-1, 1])
def test_exp(side: int) -> None:
    x = np.linspace(-87.3, 88.7, 400_003, dtype=F32)
    expected = exact("exp", x)
    found = functions.exp(numbers(side), x)
    units = np.abs(found - expected) / np.exp2(np.floor(np.log2(expected)) - 23)
    assert units.max() < BOUNDS["exp"]


@np.errstate(over="ignore", invalid="ignore")
def test_exp_at_the_ends() -> None:
    x = np.array([-np.inf, -104, -0.0, 0, 89, np.inf, np.nan], F32)
    found = functions.exp(numbers(1), x)
    np.testing.assert_allclose(found, [0, 0, 1, 1, np.inf, np.inf, np.nan], rtol=1e-6)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("name", ["exp", "tanh", "erf"])
def test_every_bf16(name: str, side: int) -> None:
    """Before rounding to bf16 the error is a small part of what rounding adds."""
    x = np.arange(1 << 16, dtype=np.uint16).view(ml_dtypes.bfloat16).astype(F32)
    x = x[np.isfinite(x)]
    with np.errstate(all="ignore"):
        expected = exact(name, x)
        normal = (np.abs(expected) >= 2.0**-125) & (np.abs(expected) < 2.0**127)
        found = getattr(functions, f"short_{name}")(numbers(side), x)
    error = np.abs(found - expected)[normal] / np.abs(expected[normal])
    assert error.max() < SHORT_BOUND
