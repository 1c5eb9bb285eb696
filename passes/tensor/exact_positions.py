"""exact-positions: where the largest elements of pooling windows are, with NaN and -inf among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.torch_build import defining
from stepwell.passes.tensor.build import index, size_of
from stepwell.support.walk import operations

_OEQ, _EQ = int(arith.CmpFPredicate.OEQ), int(arith.CmpIPredicate.eq)


@dataclass
class ExactPositions(Pass):
    """Find a NaN, the last one of its window, and of equal elements none that is padding.

    torch-mlir looks for the first element that equals the largest: no NaN does, which left position -1, and in a
    window of nothing but ``-inf`` the padding came first, at a position outside of the tensor.
    """

    name: ClassVar[str] = "exact-positions"
    summary: ClassVar[str] = "positions of the largest elements of windows with NaN or -inf"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        searches = [each for each in operations(op) if each.name == "linalg.generic" and len(each.results) == 1]
        found = [search for search in map(_search, searches) if search is not None]
        for search in found:
            search.correct()
        context.note(self.name, corrected=len(found))


@dataclass
class _Search:
    """The parts of a body that yields ``out == -1 ? (term == largest ? here : out) : out``.

    Attributes:
        outer, inner: the two choices; comparison: of ``extract``'s element with the largest; unset: ``out == -1``.
    """

    outer: ir.Operation
    inner: ir.Operation
    comparison: ir.Operation
    unset: ir.Value
    extract: ir.Operation

    def correct(self) -> None:
        """Let a NaN win always, and another element where it is none of the padding."""
        term, here, before = self.comparison.operands[0], self.inner.operands[1], self.inner.operands[2]
        with ir.InsertionPoint(self.outer), self.outer.location:
            missing = arith.cmpf(arith.CmpFPredicate.UNO, term, term)
            first = reduce(arith.andi, [self.comparison.results[0], self.unset, *self._inside()])
            wins = arith.ori(missing, first)
            chosen = arith.select(wins, here, before)
        self.outer.results[0].replace_all_uses_with(chosen)
        self.outer.erase()
        self.inner.erase()

    def _inside(self) -> list[ir.Value]:
        """For each dimension that is padded, whether the element is one of the source's."""
        source, *places = self.extract.operands
        if not isinstance(source, ir.OpResult) or source.owner.name != "tensor.pad":
            return []
        pad = source.owner.operation
        lows = list(ir.DenseI64ArrayAttr(pad.attributes["static_low"]))
        conditions = []
        for dim, (place, low) in enumerate(zip(places, lows, strict=True)):
            if low != 0:
                from_start = arith.subi(place, index(low))
                conditions.append(arith.cmpi(arith.CmpIPredicate.ult, from_start, index(size_of(pad.operands[0], dim))))
        return conditions


def _search(generic: ir.Operation) -> _Search | None:
    *_, terminator = [view.operation for view in generic.regions[0].blocks[0].operations]
    out = list(generic.regions[0].blocks[0].arguments)[-1]
    outer = defining(terminator.operands[0], "arith.select")
    inner = None if outer is None else defining(outer.operands[1], "arith.select")
    if outer is None or inner is None or outer.operands[2] != out or inner.operands[2] != out:
        return None
    unset, comparison = defining(outer.operands[0], "arith.cmpi"), defining(inner.operands[0], "arith.cmpf")
    if unset is None or comparison is None or unset.operands[0] != out:
        return None
    if _predicate(unset) != _EQ or _predicate(comparison) != _OEQ:
        return None
    extract = defining(comparison.operands[0], "tensor.extract")
    return None if extract is None else _Search(outer, inner, comparison, outer.operands[0], extract)


def _predicate(comparison: ir.Operation) -> int:
    return int(ir.IntegerAttr(comparison.attributes["predicate"]).value)
