"""How a reduction's terms become one: an operation, or a search for an extremum and its index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.rows.body import apply
from stepwell.passes.buffer.rows.combiners import KINDS, neutral
from stepwell.passes.buffer.rows.extrema import match_extremum
from stepwell.passes.buffer.rows.operation import Access, RowOp

Values = Sequence[ir.Value]


@dataclass(frozen=True)
class Join(ABC):
    """What joins some results of a reduction.

    Attributes:
        steps: the operations of the body that do it.
        terms: the values of the body that are joined, one for each result.
    """

    steps: tuple[ir.Operation, ...]
    terms: tuple[ir.Value, ...]

    @abstractmethod
    def neutral(self) -> list[ir.Value]:
        """What changes nothing when it is joined."""

    @abstractmethod
    def both(self, a: Values, b: Values) -> list[ir.Value]:
        """Two terms, or what others were joined to, as one; scalars or vectors."""


class Combined(Join):
    """One operation that is associative and commutative."""

    def neutral(self) -> list[ir.Value]:
        kind = self.terms[0].type
        return [arith.ConstantOp(kind, neutral(self.steps[0].name, kind)).result]

    def both(self, a: Values, b: Values) -> list[ir.Value]:
        return apply(self.steps[0], [a[0], b[0]])


class Extremum(Join):
    """The largest or smallest element, NaN beyond all others, and the first index of it."""

    def neutral(self) -> list[ir.Value]:
        element, index = (term.type for term in self.terms)
        last = ir.IntegerAttr.get(index, (1 << (ir.IntegerType(index).width - 1)) - 1)
        return [
            arith.ConstantOp(element, neutral(self.steps[0].name, element)).result,
            arith.ConstantOp(index, last).result,
        ]

    def both(self, a: Values, b: Values) -> list[ir.Value]:
        (best,) = apply(self.steps[0], [a[0], b[0]])
        first = arith.cmpi(arith.CmpIPredicate.slt, b[1], a[1])
        wins, loses = self._is(best, b[0]), self._is(best, a[0])
        # Where both are the extremum, the lower index counts.
        other = arith.andi(wins, arith.ori(first, arith.xori(loses, _true(loses.type))))
        return [best, arith.select(other, b[1], a[1])]

    def _is(self, best: ir.Value, term: ir.Value) -> ir.Value:
        if not isinstance(self.terms[0].type, ir.FloatType):
            return arith.cmpi(arith.CmpIPredicate.eq, best, term)
        same = arith.cmpf(arith.CmpFPredicate.OEQ, best, term)
        return arith.ori(same, arith.cmpf(arith.CmpFPredicate.UNO, term, term))


def joins_of(op: ir.Operation, reduced: frozenset[int]) -> tuple[Join, ...] | None:
    """How the results of a reduction are joined; None where it is in no way that is known here."""
    count, block = len(op.results), op.regions[0].blocks[0]
    accesses = [Access(value, ()) for value in op.operands]
    row = RowOp(op, tuple(accesses[:-count]), tuple(accesses[-count:]), (), reduced)
    extremum = match_extremum(row)
    if extremum is not None:
        choice = extremum.steps[1]
        return (Extremum(extremum.steps, (extremum.term, choice.operands[1])),)
    held = list(block.arguments)[-count:]
    end = list(block.operations)[-1].operation
    found = [_combined(value, own) for value, own in zip(end.operands, held, strict=True)]
    known = tuple(join for join in found if join is not None)
    return known if len(known) == count else None


def join_all(joins: Sequence[Join], a: Values, b: Values) -> list[ir.Value]:
    """The terms of several joins, one after the other."""
    joined: list[ir.Value] = []
    for join in joins:
        first = len(joined)
        last = first + len(join.terms)
        joined += join.both(a[first:last], b[first:last])
    return joined


def _combined(value: ir.Value, held: ir.Value) -> Combined | None:
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name not in KINDS:
        return None
    op = owner.operation
    if [use.owner.operation for use in held.uses] != [op]:
        return None
    first, second = op.operands
    return Combined((op,), (second if first == held else first,))


def _true(kind: ir.Type) -> ir.Value:
    i1 = ir.IntegerType.get_signless(1)
    one = ir.IntegerAttr.get(i1, 1)
    attribute = ir.DenseElementsAttr.get_splat(kind, one) if isinstance(kind, ir.VectorType) else one
    return arith.ConstantOp(kind, attribute).result
