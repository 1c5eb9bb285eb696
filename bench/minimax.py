"""Minimax polynomials for the functions of expand-math: ``python -m bench.minimax`` prints their coefficients.

Remez's exchange (1934) in 80 digits. Coefficients are rounded to the float format one by one, the lowest first, and
those left are fitted again, which recovers most of what rounding all of them at once would lose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

Function = Callable[[Any], Any]

_GRID, _EXCHANGES = 1500, 12


@dataclass(frozen=True)
class Fit:
    """A polynomial of ``degree`` for ``function`` on ``low``..``high`` that minimises the error times ``weight``.

    With ``nodes`` the sum of its squares at so many Chebyshev nodes instead of the largest: powers that are left of a
    high degree around 0 are no Chebyshev system, on which the exchange relies.
    """

    name: str
    function: Function
    weight: Function
    degree: int
    low: Any
    high: Any
    dtype: type[np.floating[Any]] = np.float32
    nodes: int = 0


def fit(job: Fit) -> tuple[list[float], float]:
    """Coefficients, the constant first, and the largest weighted error (as a power of two)."""
    fixed: dict[int, Any] = {}
    for exponent in range(job.degree + 1):
        left = list(range(exponent, job.degree + 1))
        solve = _least_squares if job.nodes else _exchange
        fixed[exponent] = mp.mpf(float(job.dtype(float(solve(job, left, dict(fixed))[0]))))
    width = job.high - job.low
    points = [job.low + width * (i + mp.mpf("0.5")) / 3000 for i in range(3000)]
    worst = max(abs(job.weight(x) * (_value(fixed, x) - job.function(x))) for x in points)
    return [float(c) for c in fixed.values()], float(mp.log(worst, 2))


def _value(coefficients: dict[int, Any], x: Any) -> Any:
    return sum((c * x**e for e, c in coefficients.items()), mp.mpf(0))


def _least_squares(job: Fit, exponents: Sequence[int], fixed: dict[int, Any]) -> list[Any]:
    middle, radius = (job.low + job.high) / 2, (job.high - job.low) / 2
    points = [middle + radius * mp.cos(mp.pi * (i + mp.mpf("0.5")) / job.nodes) for i in range(job.nodes)]
    matrix = np.array([[float(job.weight(x) * x**e) for e in exponents] for x in points])
    right = np.array([float(job.weight(x) * (job.function(x) - _value(fixed, x))) for x in points])
    return list(np.linalg.lstsq(matrix, right, rcond=None)[0])


def _exchange(job: Fit, exponents: Sequence[int], fixed: dict[int, Any]) -> list[Any]:
    """Remez's exchange for the coefficients of ``exponents``, beside those that are ``fixed``."""
    count = len(exponents)

    def target(x: Any) -> Any:
        return job.function(x) - _value(fixed, x)

    middle, radius = (job.low + job.high) / 2, (job.high - job.low) / 2
    nodes = [middle - radius * mp.cos(mp.pi * i / count) for i in range(count + 1)]
    grid = [middle - radius * mp.cos(mp.pi * (i + mp.mpf("0.5")) / _GRID) for i in range(_GRID)]
    targets, weights = [target(x) for x in grid], [job.weight(x) for x in grid]
    solution: list[Any] = []
    for _ in range(_EXCHANGES):
        matrix, right = mp.matrix(count + 1, count + 1), mp.matrix(count + 1, 1)
        for row, x in enumerate(nodes):
            for column, exponent in enumerate(exponents):
                matrix[row, column] = x**exponent
            matrix[row, count] = (-1) ** row / job.weight(x)
            right[row] = target(x)
        solved = mp.lu_solve(matrix, right)
        solution = [solved[i] for i in range(count)]
        powers = dict(zip(exponents, solution, strict=True))
        errors = [w * (_value(powers, x) - t) for x, t, w in zip(grid, targets, weights, strict=True)]
        extrema = _alternating(errors, count + 1)
        if len(extrema) <= count or [grid[i] for i in extrema] == nodes:
            break
        nodes = [grid[i] for i in extrema]
    return solution


def _alternating(errors: Sequence[Any], count: int) -> list[int]:
    """Positions of extrema whose signs alternate, the ``count`` largest."""
    found: list[int] = []
    for position, error in enumerate(errors):
        if not found or (error > 0) != (errors[found[-1]] > 0):
            found.append(position)
        elif abs(error) > abs(errors[found[-1]]):
            found[-1] = position
    while len(found) > count:
        found.pop(0 if abs(errors[found[0]]) < abs(errors[found[-1]]) else -1)
    return found


def jobs() -> list[Fit]:
    """The polynomials that ``passes/buffer/math`` holds."""
    half_ln2, tiny = mp.log(2) / 2 * mp.mpf("1.01"), mp.mpf("1e-12")
    just_half = mp.log(2) / 2 * mp.mpf("1.001")
    quarter = (mp.pi / 4 * mp.mpf("1.001")) ** 2
    edge = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * mp.mpf("1.001")

    def exponential(x: Any) -> Any:
        return (mp.expm1(x) - x) / x**2 if abs(x) > 1e-8 else mp.mpf("0.5") + x / 6

    def relative(x: Any) -> Any:
        return max(x * x, mp.mpf("1e-7")) * mp.exp(-x)

    def logarithm(f: Any) -> Any:
        return (mp.log1p(f) - f + f * f / 2) / f**3 if abs(f) > 1e-8 else mp.mpf(1) / 3 - f / 4

    def log2_atanh(u: Any) -> Any:
        return 2 * mp.atanh(mp.sqrt(u)) / mp.sqrt(u) / mp.log(2)

    def erf_near(u: Any) -> Any:
        return mp.erf(mp.sqrt(u)) / mp.sqrt(u) - 1

    end = mp.mpf(float(np.float32(3.925)))

    def erf_whole(s: Any) -> Any:
        return erf_near((s + 1) * end**2 / 2) + 1

    def sine(u: Any) -> Any:
        return (mp.sin(mp.sqrt(u)) / mp.sqrt(u) - 1) / u

    def cosine(u: Any) -> Any:
        return (mp.cos(mp.sqrt(u)) - 1 + u / 2) / u**2

    root_half = mp.sqrt(mp.mpf("0.5")) - 1
    margin = mp.mpf("1e-4")
    return [
        Fit("exp", exponential, relative, 5, -half_ln2, half_ln2),
        Fit("exp, short", exponential, relative, 4, -just_half, just_half),
        Fit(
            "log",
            logarithm,
            lambda f: abs(f**3 / mp.log1p(f)) if f else mp.mpf(0),
            8,
            root_half - margin,
            mp.sqrt(2) - 1 + margin,
        ),
        Fit("erf near 0", erf_near, lambda u: mp.sqrt(u) / mp.erf(mp.sqrt(u)), 5, tiny, mp.mpf("0.92") ** 2),
        Fit(
            "erf far from 0",
            lambda t: -mp.log(mp.erfc(t)),
            lambda t: mp.erfc(t) / mp.erf(t),
            7,
            mp.mpf("0.92"),
            mp.mpf("3.95"),
        ),
        Fit("1 + erf", erf_whole, lambda s: mp.sqrt((s + 1) / 2), 15, mp.mpf(-1), mp.mpf(1), nodes=400),
        Fit("sin", sine, lambda u: u * mp.sqrt(u) / mp.sin(mp.sqrt(u)), 3, tiny * 100, quarter),
        Fit("cos", cosine, lambda u: u * u / mp.cos(mp.sqrt(u)), 2, tiny * 100, quarter),
        Fit("pow: log2", log2_atanh, lambda u: 1 / log2_atanh(u), 5, mp.mpf("1e-14"), edge**2, np.float64),
        Fit(
            "pow: exp2",
            lambda x: mp.power(2, x),
            lambda x: mp.power(2, -x),
            6,
            mp.mpf("-0.5001"),
            mp.mpf("0.5001"),
            np.float64,
        ),
    ]


def main() -> None:
    """Print every polynomial."""
    mp.mp.dps = 80
    for job in jobs():
        coefficients, error = fit(job)
        print(f"{job.name}: error 2^{error:.2f}")
        print("    " + ", ".join(map(repr, coefficients)))


if __name__ == "__main__":
    main()
