"""exact-extrema: the position of a largest or smallest element where there are NaN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.structured import input_count
from stepwell.support.walk import operations

_PREDICATES = {
    ("arith.maximumf", int(arith.CmpFPredicate.OGT)): arith.CmpFPredicate.UGT,
    ("arith.minimumf", int(arith.CmpFPredicate.OLT)): arith.CmpFPredicate.ULT,
}


@dataclass
class ExactExtrema(Pass):
    """Let the first NaN win in a search for an extremum's position, as it does in PyTorch.

    torch-mlir's comparison is false for a NaN, so that the value becomes NaN and the position stays.
    """

    name: ClassVar[str] = "exact-extrema"
    summary: ClassVar[str] = "the first NaN wins in argmax and argmin"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [
            comparison
            for generic in operations(op)
            if generic.name == "linalg.generic" and len(generic.results) == 2
            for comparison in [_comparison(generic)]
            if comparison is not None
        ]
        for comparison, predicate in found:
            with ir.InsertionPoint(comparison), comparison.location:
                term, best = comparison.operands
                beyond = arith.cmpf(predicate, term, best)
                wins = arith.andi(beyond, arith.cmpf(arith.CmpFPredicate.ORD, best, best))
            comparison.results[0].replace_all_uses_with(wins)
            comparison.erase()
        context.note(self.name, corrected=len(found))


def _comparison(generic: ir.Operation) -> tuple[ir.Operation, arith.CmpFPredicate] | None:
    """The comparison with the best element so far that chooses the position, and how it should compare."""
    block = generic.regions[0].blocks[0]
    best, position = list(block.arguments)[input_count(generic) :]
    *_, terminator = [view.operation for view in block.operations]
    if not all(isinstance(value, ir.OpResult) for value in terminator.operands):
        return None
    extremum, choice = (value.owner.operation for value in terminator.operands)
    if choice.name != "arith.select" or choice.operands[2] != position or best not in list(extremum.operands):
        return None
    if not isinstance(choice.operands[0], ir.OpResult):
        return None
    comparison = choice.operands[0].owner.operation
    if comparison.name != "arith.cmpf" or comparison.operands[1] != best:
        return None
    predicate = _PREDICATES.get((extremum.name, int(ir.IntegerAttr(comparison.attributes["predicate"]).value)))
    return None if predicate is None else (comparison, predicate)
