"""Indices of a memory whose dimensions are joined: what an index of a reshaped view divides cancels out there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch_mlir import ir

from stepwell.passes.hardware.loops.affine_index import add, scaled
from stepwell.support.loops.affine import Affine

Quotient = tuple["_Form", int]


@dataclass(frozen=True)
class _Form:
    """A sum of multiples of loops' iterations, and of quotients (what is divided, and by what)."""

    affine: Affine
    quotients: frozenset[tuple[Quotient, int]] = frozenset()

    def plus(self, other: _Form, factor: int = 1) -> _Form:
        """This and ``factor`` times another one."""
        terms = Counter(dict(self.quotients))
        for quotient, times in other.quotients:
            terms[quotient] += factor * times
        left = frozenset((quotient, times) for quotient, times in terms.items() if times)
        return _Form(_shortened(add(self.affine, scaled(other.affine, factor))), left)

    def over(self, by: int) -> _Form:
        """The quotient; one of a quotient is one of what that divides."""
        if by == 1:
            return self
        whole: Quotient = (self, by)
        if self.affine == Affine(()) and len(self.quotients) == 1:
            (((inner, factor), times),) = self.quotients
            if times == 1:
                whole = (inner, factor * by)
        return _Form(Affine(()), frozenset({(whole, 1)}))


def joined_index(
    expressions: Sequence[ir.AffineExpr], operands: Sequence[Affine], shape: Sequence[int]
) -> Affine | None:
    """The place in row-major order that ``expressions`` say; None where something is divided there still."""
    total = _Form(Affine(()))
    for d, expression in enumerate(expressions):
        form = _form(expression, operands)
        if form is None:
            return None
        total = total.plus(form, prod(shape[d + 1 :]))
    return None if total.quotients else total.affine


def _form(expression: ir.AffineExpr, operands: Sequence[Affine]) -> _Form | None:
    if isinstance(expression, ir.AffineConstantExpr):
        return _Form(Affine((), int(expression.value)))
    if isinstance(expression, ir.AffineDimExpr):
        return _Form(_shortened(operands[int(expression.position)]))
    if not isinstance(expression, ir.AffineBinaryExpr):
        return None
    left, right = _form(expression.lhs, operands), _form(expression.rhs, operands)
    if left is None or right is None:
        return None
    if isinstance(expression, ir.AffineAddExpr):
        return left.plus(right)
    number = right.affine.constant
    if right != _Form(Affine((), number)) or (number <= 0 and not isinstance(expression, ir.AffineMulExpr)):
        return None
    if isinstance(expression, ir.AffineMulExpr):
        return _Form(Affine(())).plus(left, number)
    if isinstance(expression, ir.AffineFloorDivExpr):
        return left.over(number)
    return left.plus(left.over(number), -number) if isinstance(expression, ir.AffineModExpr) else None


def _shortened(index: Affine) -> Affine:
    """Without zeros for the innermost loops, so that equal ones are equal."""
    coefficients = index.coefficients
    while coefficients and not coefficients[-1]:
        coefficients = coefficients[:-1]
    return Affine(coefficients, index.constant)
