"""Softmax of rows that come in parts, on the scores that ``wgmma`` leaves in a warpgroup's registers.

A thread has two rows, 8 apart, and of each two columns in every eight; the four lanes of a row's quad have the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import scf

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.real import Real, choose
from stepwell.backends.cuda.kernels.word import Word

ROWS = 2
"""Of a thread."""

LOG2_E = 1.4426950408889634
"""What scores are multiplied with, since weights are powers of two."""

_CHAINS = 2
"""Independent chains of a reduction, which hide the latency of its instructions."""

_SLACK = 8.0
"""How much larger than the maximum that weights refer to a score may be, as a power of two, before they refer to it."""

_NONE = float("-inf")


@dataclass(frozen=True)
class Rows:
    """What is known of a thread's rows: the score that weights refer to, and this thread's part of their sum."""

    maxima: tuple[Real, ...]
    sums: tuple[Real, ...]

    def values(self) -> list[ir.Value]:
        """What a loop carries."""
        return [number.value for number in (*self.maxima, *self.sums)]

    @staticmethod
    def of(values: Sequence[ir.Value]) -> Rows:
        """From what a loop carried."""
        numbers = tuple(Real(value) for value in values)
        return Rows(numbers[:ROWS], numbers[ROWS:])

    def totals(self) -> list[Real]:
        """The sum of all weights of each row."""
        return [_in_quad(total, Real.__add__) for total in self.sums]


@dataclass(frozen=True)
class Step:
    """What a part of the scores does: its weights, the rows with it, and what to multiply earlier results with.

    Attributes:
        needed: whether any row of the warp has a factor other than 1.
    """

    weights: list[Real]
    rows: Rows
    factors: tuple[Real, ...]
    needed: ir.Value


@dataclass(frozen=True)
class Power:
    """How scores become powers of two.

    Attributes:
        scale: what they are multiplied with.
        bounded: whether products with it are finite; the largest score is taken off ahead of it otherwise.
    """

    scale: Real
    bounded: bool = True

    def of(self, score: Real, maximum: Real) -> Real:
        """Two to ``(score - maximum) * scale``."""
        if not self.bounded:
            return ((score - maximum) * self.scale).exp2()
        return score.times_plus(self.scale, -(maximum * self.scale)).exp2()


def masked(scores: Sequence[Real], limits: Sequence[Word]) -> list[Real]:
    """The scores of columns below the row's limit (signed, from the thread's first column on); no others count."""
    kept = []
    for number, score in enumerate(scores):
        column = number // 4 * 8 + number % 2
        kept.append(choose(limits[number % 4 // 2].is_above(column), score, _NONE))
    return kept


def first_part(scores: Sequence[Real], power: Power) -> tuple[list[Real], Rows]:
    """Weights of the first part, ``exp2((score - maximum) * scale)``, and the rows with it."""
    maxima = tuple(_maximum(scores, row) for row in range(ROWS))
    weights = _weights(scores, maxima, power)
    return weights, Rows(maxima, tuple(_sum(weights, row) for row in range(ROWS)))


def next_part(scores: Sequence[Real], rows: Rows, power: Power) -> Step:
    """Weights of a further part; they refer to a new maximum only where the old one is far below it."""
    maxima, factors, grown = [], [], []
    for row in range(ROWS):
        old, new = rows.maxima[row], rows.maxima[row].maximum(_maximum(scores, row))
        grows = ((new - old) * power.scale).is_greater(_SLACK)
        factor = ((old - _finite(new)) * power.scale).exp2()
        maxima.append(choose(grows, new, old))
        factors.append(choose(grows, factor, 1.0))
        grown.append(grows)
    weights = _weights(scores, maxima, power)
    sums = tuple(rows.sums[row].times_plus(factors[row], _sum(weights, row)) for row in range(ROWS))
    return Step(weights, Rows(tuple(maxima), sums), tuple(factors), isa.any_lane(grown))


def packed(weights: Sequence[Real], kind: ir.Type) -> list[ir.Value]:
    """Weights two a word, rounded: every four words are a left matrix of a product 16 deep."""
    return [isa.pack_halves(weights[i].value, weights[i + 1].value, kind) for i in range(0, len(weights), 2)]


def inverse(total: Real, *, closed: bool) -> Real:
    """One over a sum of weights; where nothing counted zero if ``closed``, else infinity."""
    return choose(total.is_greater(0.0), total.reciprocal(), 0.0) if closed else total.reciprocal()


def scaled(results: Sequence[ir.Value], factors: Sequence[Real]) -> list[ir.Value]:
    """Each row of sums times its factor."""
    return [(Real(value) * factors[number % 4 // 2]).value for number, value in enumerate(results)]


def rescaled(results: Sequence[ir.Value], step: Step) -> list[ir.Value]:
    """Earlier results times the factors, where any row of the warp has one."""
    made = scf.IfOp(step.needed, [value.type for value in results], has_else=True)
    with ir.InsertionPoint(made.then_block):
        scf.YieldOp(scaled(results, step.factors))
    with ir.InsertionPoint(made.else_block):
        scf.YieldOp(list(results))
    return list(made.results)


def _weights(scores: Sequence[Real], maxima: Sequence[Real], power: Power) -> list[Real]:
    finite = [_finite(maximum) for maximum in maxima]
    return [power.of(score, finite[number % 4 // 2]) for number, score in enumerate(scores)]


def _finite(maximum: Real) -> Real:
    """The maximum, or zero where nothing counted yet: infinities have no difference."""
    return choose(maximum.is_greater(_NONE), maximum, 0.0)


def _of_row(numbers: Sequence[Real], row: int) -> list[Real]:
    return [number for i, number in enumerate(numbers) if i % 4 // 2 == row]


def _maximum(scores: Sequence[Real], row: int) -> Real:
    return _in_quad(_reduce(_of_row(scores, row), Real.maximum), Real.maximum)


def _sum(weights: Sequence[Real], row: int) -> Real:
    return _reduce(_of_row(weights, row), Real.__add__)


def _reduce(numbers: Sequence[Real], combine: Callable[[Real, Real], Real]) -> Real:
    chains = list(numbers[:_CHAINS])
    for i, number in enumerate(numbers[_CHAINS:]):
        chains[i % _CHAINS] = combine(chains[i % _CHAINS], number)
    total = chains[0]
    for chain in chains[1:]:
        total = combine(total, chain)
    return total


def _in_quad(number: Real, combine: Callable[[Real, Real], Real]) -> Real:
    for mask in (1, 2):
        number = combine(number, number.across(mask))
    return number
