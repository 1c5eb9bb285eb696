"""Affine maps and loop bounds of MLIR as numbers."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.loops.nest import Affine


class NotAffineError(Exception):
    """An expression that is no sum of multiples; says which."""


def affine_of(expression: ir.AffineExpr, operands: Sequence[Affine]) -> Affine:
    """``expression`` of dimensions (symbols behind them) that stand for ``operands``.

    Raises:
        NotAffineError: it divides, or multiplies two of them.
    """
    if isinstance(expression, ir.AffineConstantExpr):
        return Affine((), int(expression.value))
    if isinstance(expression, ir.AffineDimExpr):
        return operands[int(expression.position)]
    if isinstance(expression, ir.AffineAddExpr):
        return add(affine_of(expression.lhs, operands), affine_of(expression.rhs, operands))
    if isinstance(expression, ir.AffineMulExpr):
        left, right = affine_of(expression.lhs, operands), affine_of(expression.rhs, operands)
        if not any(right.coefficients):
            return scaled(left, right.constant)
    raise NotAffineError(f"its index {expression} is no sum of multiples of the loops around")


def add(left: Affine, right: Affine) -> Affine:
    """The sum; the loops of one may be a prefix of the other's."""
    length = max(len(left.coefficients), len(right.coefficients))
    padded = [(*a.coefficients, *[0] * (length - len(a.coefficients))) for a in (left, right)]
    return Affine(tuple(a + b for a, b in zip(*padded, strict=True)), left.constant + right.constant)


def scaled(index: Affine, factor: int) -> Affine:
    """``index`` times a number."""
    return Affine(tuple(c * factor for c in index.coefficients), index.constant * factor)


def trip(loop: ir.Operation) -> tuple[int, int, int]:
    """The first value of an ``affine.for``, its step, and how often it runs.

    Raises:
        UnsupportedError: its bounds are not constant, or it never runs.
    """
    ends = []
    for which in ("lower", "upper"):
        results = list(ir.AffineMapAttr(loop.attributes[f"{which}BoundMap"]).value.results)
        if len(results) != 1 or not isinstance(results[0], ir.AffineConstantExpr):
            raise UnsupportedError(
                f"no pipeline for a loop whose {which} bound is not a constant",
                where=describe_location(loop.location),
                hint="give it constant bounds; of a triangle compute the whole square",
            )
        ends.append(results[0].value)
    step = ir.IntegerAttr(loop.attributes["step"]).value
    size = -(-(ends[1] - ends[0]) // step)
    if size < 1:
        raise UnsupportedError("a loop never runs", where=describe_location(loop.location), hint="leave it out")
    return ends[0], step, size
