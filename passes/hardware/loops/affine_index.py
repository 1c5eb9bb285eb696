"""Affine maps and loop bounds of MLIR as numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from torch_mlir import ir

from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.loops.affine import Affine
from stepwell.support.loops.banks import cut_for


class NotAffineError(Exception):
    """An expression that is no sum of multiples; says which.

    Attributes:
        cut: the level of a loop and iterations of the inner part that would make it one if that loop were two.
    """

    def __init__(self, expression: ir.AffineExpr, why: str, cut: tuple[int, int] | None = None) -> None:
        super().__init__(f"its index {expression} {why}")
        self.cut = cut


def affine_of(expression: ir.AffineExpr, operands: Sequence[Affine], sizes: tuple[int, ...] = ()) -> Affine:
    """``expression`` of dimensions (symbols behind them) that stand for ``operands``, in loops of ``sizes`` iterations;
    without these nothing can be divided.

    Raises:
        NotAffineError: it divides what does not divide, or multiplies two of them.
    """
    if isinstance(expression, ir.AffineConstantExpr):
        return Affine((), int(expression.value))
    if isinstance(expression, ir.AffineDimExpr):
        return operands[int(expression.position)]
    if isinstance(expression, ir.AffineBinaryExpr):
        left, right = (affine_of(part, operands, sizes) for part in (expression.lhs, expression.rhs))
        if isinstance(expression, ir.AffineAddExpr):
            return add(left, right)
        if not any(right.coefficients):
            if isinstance(expression, ir.AffineMulExpr):
                return scaled(left, right.constant)
            if isinstance(expression, (ir.AffineFloorDivExpr, ir.AffineModExpr)) and right.constant > 0 and sizes:
                return _divided(expression, left, right.constant, sizes)
    raise NotAffineError(expression, "is no sum of multiples of the loops around")


def _divided(expression: ir.AffineExpr, index: Affine, by: int, sizes: tuple[int, ...]) -> Affine:
    """Quotient or remainder of ``index``."""
    found = deepened(index, len(sizes)).divided(by, sizes)
    if found is None:
        cut = cut_for(index, by, sizes)
        raise NotAffineError(expression, f"is not affine in loops, or parts of them, of {by} iterations", cut)
    return found[0 if isinstance(expression, ir.AffineFloorDivExpr) else 1]


def deepened(index: Affine, levels: int) -> Affine:
    """``index`` with a coefficient for each of all loops."""
    return Affine((*index.coefficients, *[0] * (levels - len(index.coefficients))), index.constant)


def add(left: Affine, right: Affine) -> Affine:
    """The sum; the loops of one may be a prefix of the other's."""
    length = max(len(left.coefficients), len(right.coefficients))
    padded = [(*a.coefficients, *[0] * (length - len(a.coefficients))) for a in (left, right)]
    return Affine(tuple(a + b for a, b in zip(*padded, strict=True)), left.constant + right.constant)


def row_major(indices: Sequence[Affine], shape: Sequence[int]) -> Affine:
    """The place of an element in the order of rows."""
    total = Affine(())
    for d, index in enumerate(indices):
        total = add(total, scaled(index, prod(shape[d + 1 :])))
    return total


def scaled(index: Affine, factor: int) -> Affine:
    """``index`` times a number."""
    return Affine(tuple(c * factor for c in index.coefficients), index.constant * factor)


@dataclass(frozen=True)
class Trip:
    """How a loop runs: its variable is ``first`` and ``step`` times the iteration; an iteration counts where no guard,
    of the iteration behind the loops around, is negative. None behind the least of ``lengths``, of the loops around,
    does."""

    first: Affine
    step: int
    size: int
    guards: tuple[Affine, ...] = ()
    lengths: tuple[Affine, ...] = ()


def trip(loop: ir.Operation) -> tuple[int, int, int] | None:
    """The first value of an ``affine.for``, its step, and how often it runs; None where a bound is not constant."""
    lower, upper = _bounds(loop)
    if len(lower) != 1 or len(upper) != 1 or not all(isinstance(e, ir.AffineConstantExpr) for e in (*lower, *upper)):
        return None
    found = trip_within(loop, lambda value: Affine(()), ())
    return found.first.constant, found.step, found.size


def trip_within(loop: ir.Operation, index: Callable[[ir.Value], Affine], sizes: tuple[int, ...]) -> Trip:
    """How an ``affine.for`` runs in loops of ``sizes`` iterations: as often as it does at most, of which the iterations
    within its bounds count. ``index``: what stands for its operands.

    Raises:
        UnsupportedError: a bound is not affine, or it never runs.
    """
    step, level = ir.IntegerAttr(loop.attributes["step"]).value, len(sizes)
    lower, upper = _bounds(loop)
    operands = [index(value) for value in list(loop.operands)[: len(loop.operands) - len(loop.results)]]
    inputs = ir.AffineMapAttr(loop.attributes["lowerBoundMap"]).value.n_inputs
    try:
        lows = [deepened(affine_of(e, operands[:inputs], sizes), level) for e in lower]
        highs = [deepened(affine_of(e, operands[inputs:], sizes), level) for e in upper]
    except NotAffineError as failure:
        raise UnsupportedError(
            f"no pipeline for a loop: {failure}",
            where=describe_location(loop.location),
            hint="bounds are affine in the loops around",
        ) from None
    if len(lows) > 1 and step > 1:
        raise UnsupportedError(
            f"no pipeline for a loop in steps of {step} from the largest of several values",
            where=describe_location(loop.location),
            hint="give it one lower bound",
        )
    first = lows[0] if len(lows) == 1 else Affine((0,) * level, max(low.range(sizes)[0] for low in lows))
    lengths = [high.plus(first, -1) for high in highs]
    size = min(-(-length.range(sizes)[1] // step) for length in lengths)
    if size < 1:
        raise UnsupportedError("a loop never runs", where=describe_location(loop.location), hint="leave it out")
    iteration = Affine((*[0] * level, 1))
    value = add(first, scaled(iteration, step))
    guards = [add(high, scaled(add(value, Affine((), 1)), -1)) for high in highs]
    guards += [add(value, scaled(low, -1)) for low in lows]
    shorter = tuple(length for length in lengths if step == 1 and length.range(sizes)[0] < size)
    return Trip(first, step, size, tuple(g for g in guards if g.range((*sizes, size))[0] < 0), shorter)


def _bounds(loop: ir.Operation) -> tuple[list[ir.AffineExpr], list[ir.AffineExpr]]:
    lower, upper = (list(ir.AffineMapAttr(loop.attributes[f"{w}BoundMap"]).value.results) for w in ("lower", "upper"))
    return lower, upper
