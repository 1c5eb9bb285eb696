"""exact-extrema: the position of a largest or smallest element where there are NaN, or nothing but -inf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.structured import input_count
from stepwell.support.walk import operations

_PREDICATES = {
    ("arith.maximumf", int(arith.CmpFPredicate.OGT)): arith.CmpFPredicate.UGT,
    ("arith.minimumf", int(arith.CmpFPredicate.OLT)): arith.CmpFPredicate.ULT,
}


@dataclass
class ExactExtrema(Pass):
    """Let the first NaN win in a search for an extremum's position, and the last one in a window's, as in PyTorch.

    torch-mlir's comparison is false for a NaN, so that the position stays, and in adaptive pooling the value as well.
    The value is the one at the position: of zeros with unlike signs the first, where ``maximumf`` takes the positive.
    There the position of a window of ``-inf`` was what had been in memory; now it is that of its first element.
    """

    name: ClassVar[str] = "exact-extrema"
    summary: ClassVar[str] = "a NaN wins in argmax, argmin and adaptive pooling"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        searches = [each for each in operations(op) if each.name == "linalg.generic" and len(each.results) == 2]
        # Without a position a largest element is one that fuses.
        placed = [search for search in searches if any(True for _ in search.results[1].uses)]
        found = [each for each in map(_comparison, placed) if each is not None]
        for comparison, predicate in found:
            with ir.InsertionPoint(comparison), comparison.location:
                term, best = comparison.operands
                beyond = arith.cmpf(predicate, term, best)
                wins = arith.andi(beyond, arith.cmpf(arith.CmpFPredicate.ORD, best, best))
                value = arith.select(wins, term, best)
            comparison.results[0].replace_all_uses_with(wins)
            terminator = list(comparison.block.operations)[-1].operation
            extremum = terminator.operands[0].owner.operation
            terminator.operands[0] = value
            for unused in (comparison, extremum):
                unused.erase()
        windows = [generic for generic in searches if _in_window(generic)]
        for generic in windows:
            _correct_window(generic)
        context.note(self.name, corrected=len(found) + len(windows))


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


def _in_window(generic: ir.Operation) -> bool:
    """Whether value and position of a window are chosen by ``in > best``, from no position at all."""
    block = generic.regions[0].blocks[0]
    best, position = list(block.arguments)[input_count(generic) :]
    *_, terminator = [view.operation for view in block.operations]
    if not all(isinstance(value, ir.OpResult) for value in terminator.operands):
        return False
    value, place = (operand.owner.operation for operand in terminator.operands)
    if not value.name == place.name == "arith.select" or value.operands[0] != place.operands[0]:
        return False
    if not isinstance(value.operands[0], ir.OpResult):
        return False
    comparison, start = value.operands[0].owner.operation, generic.operands[len(generic.operands) - 1]
    return (
        comparison.name == "arith.cmpf"
        and int(ir.IntegerAttr(comparison.attributes["predicate"]).value) == int(arith.CmpFPredicate.OGT)
        and list(comparison.operands) == [value.operands[1], best]
        and [value.operands[2], place.operands[2]] == [best, position]
        and isinstance(start, ir.OpResult)
        and start.owner.name == "tensor.empty"
    )


def _correct_window(generic: ir.Operation) -> None:
    """Start at position -1; whatever comes there first wins, and so does each NaN; -inf is behind the window's end."""
    position = list(generic.regions[0].blocks[0].arguments)[-1]
    last = len(generic.operands) - 1
    with ir.InsertionPoint(generic), generic.location:
        start = generic.operands[last]
        generic.operands[last] = linalg.fill(arith.constant(position.type, -1), outs=[start])
        lowest = arith.constant(generic.results[0].type.element_type, float("-inf"))
    *_, terminator = [view.operation for view in generic.regions[0].blocks[0].operations]
    comparison = terminator.operands[0].owner.operation.operands[0].owner.operation
    with ir.InsertionPoint(terminator.operands[0].owner.operation), comparison.location:
        term, _ = comparison.operands
        beyond = arith.ori(comparison.results[0], arith.cmpf(arith.CmpFPredicate.UNO, term, term))
        first = arith.cmpi(arith.CmpIPredicate.slt, position, arith.constant(position.type, 0))
        wins = arith.ori(beyond, first)
    for operand in terminator.operands:
        operand.owner.operation.operands[0] = wins
    while isinstance(term, ir.OpResult) and term.owner.name == "arith.select":  # upstream puts a finite number there
        inner = term.owner.operation.operands[1]
        term.owner.operation.operands[2] = lowest
        term = inner
