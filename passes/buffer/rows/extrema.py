"""Where the largest or smallest element of a row is: a reduction with two results, the element and its index."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, vector

from stepwell.passes.buffer.rows.emit import RowEmitter
from stepwell.passes.buffer.rows.loops import constant, loop
from stepwell.passes.buffer.rows.operation import RowOp
from stepwell.passes.schedules.rows import RowsSchedule

Predicate: TypeAlias = "arith.CmpFPredicate | arith.CmpIPredicate"

_FLOATS: dict[str, Predicate] = {"maximumf": arith.CmpFPredicate.UGT, "minimumf": arith.CmpFPredicate.ULT}
_INTEGERS: dict[str, Predicate] = {"maxsi": arith.CmpIPredicate.sgt, "minsi": arith.CmpIPredicate.slt}
_COMPARISONS = _FLOATS | _INTEGERS
_MOST_NARROW = (1 << 31) - 1


@dataclass(frozen=True)
class Extremum:
    """The parts of such a body.

    Attributes:
        kind: which extremum, by the name of the vector reduction.
        term: what is compared.
        steps: the operations that make up the reduction.
    """

    kind: str
    term: ir.Value
    steps: tuple[ir.Operation, ...]

    @property
    def is_float(self) -> bool:
        return isinstance(self.term.type, ir.FloatType)


def match_extremum(row: RowOp) -> Extremum | None:
    """The body as the search for an extremum along the one reduced dimension; None where it is anything else.

    Floats: ``term`` wins if it is NaN or beyond the best so far, and that is no NaN (see exact-extrema).
    """
    if len(row.outputs) != 2 or len(row.reduced) != 1:
        return None
    block = row.op.regions[0].blocks[0]
    best, position = list(block.arguments)[len(row.inputs) :]
    *_, terminator = [op.operation for op in block.operations]
    value, choice = (_owner(value) for value in terminator.operands)
    if value is None or choice is None or choice.name != "arith.select":
        return None
    wins, index, kept = choice.operands
    if kept != position or not _is_index(index, next(iter(row.reduced))):
        return None
    term = _compared(value, wins, best)
    if term is None:
        return None
    kinds = _FLOATS if value.name == "arith.select" else {_kind(value): _COMPARISONS[_kind(value)]}
    tests = ((kind, _conditions(wins, best, term, predicate)) for kind, predicate in kinds.items())
    found = [(kind, condition) for kind, condition in tests if condition is not None]
    if not found:
        return None
    kind, condition = found[0]
    steps = (value, choice, *condition)
    for argument in (best, position):
        if any(use.owner.operation not in steps for use in argument.uses):
            return None
    return Extremum(kind, term, steps)


def _compared(value: ir.Operation, wins: ir.Value, best: ir.Value) -> ir.Value | None:
    """What ``value`` joins with the best element so far: by selecting it where it wins, or as the larger integer."""
    operands = list(value.operands)
    if value.name == "arith.select":
        return operands[1] if operands[0] == wins and operands[2] == best else None
    if _kind(value) not in _INTEGERS or best not in operands or operands[0] == operands[1]:
        return None
    return operands[1 - operands.index(best)]


def _kind(value: ir.Operation) -> str:
    return str(value.name).removeprefix("arith.")


def _conditions(wins: ir.Value, best: ir.Value, term: ir.Value, predicate: Predicate) -> list[ir.Operation] | None:
    """The operations that compute ``wins``, if they compare in the way of :class:`Extremum`."""
    found = _owner(wins)
    if found is None:
        return None
    if isinstance(predicate, arith.CmpIPredicate):
        return [found] if _compares(found, predicate, term, best) else None
    if found.name != "arith.andi":
        return None
    beyond, ordered = (_owner(value) for value in found.operands)
    if beyond is None or ordered is None or not _compares(beyond, predicate, term, best):
        return None
    return [found, beyond, ordered] if _compares(ordered, arith.CmpFPredicate.ORD, best, best) else None


def _compares(op: ir.Operation, predicate: Predicate, left: ir.Value, right: ir.Value) -> bool:
    name = "arith.cmpi" if isinstance(predicate, arith.CmpIPredicate) else "arith.cmpf"
    if op.name != name or list(op.operands) != [left, right]:
        return False
    return bool(ir.IntegerAttr(op.attributes["predicate"]).value == predicate.value)


def _is_index(value: ir.Value, dim: int) -> bool:
    """Whether ``value`` is the loop index of ``dim`` as an integer."""
    cast = _owner(value)
    index = _owner(cast.operands[0]) if cast is not None and cast.name == "arith.index_cast" else None
    return (
        index is not None and index.name == "linalg.index" and int(ir.IntegerAttr(index.attributes["dim"]).value) == dim
    )


def _owner(value: ir.Value) -> ir.Operation | None:
    return value.owner.operation if isinstance(value, ir.OpResult) else None


class ExtremumEmitter(RowEmitter):
    """Emits the search along the contiguous dimension ``inner``.

    Each lane keeps its best element and the first index of it; of equal lanes the lowest index wins at the end.
    """

    def __init__(self, row: RowOp, inner: int, schedule: RowsSchedule, found: Extremum) -> None:
        super().__init__(row, inner, schedule)
        lanes = self.lanes
        self.found = found
        size = row.sizes[inner]
        narrow = size is not None and size <= _MOST_NARROW
        self.counter = ir.IntegerType.get_signless(32 if narrow else 64)
        self.kind = ir.VectorType.get([lanes], found.term.type)
        self.counters = ir.VectorType.get([lanes], self.counter)
        self.worst = self._splat(self.kind, self._worst())

    def search(self) -> None:
        """All rows."""
        outer = self.row.parallel

        def result(indices: list[ir.Value]) -> None:
            self._row(dict(zip(outer, indices, strict=True)))

        self._around([self.sizes[dim] for dim in outer], result)

    def _row(self, at: dict[int, ir.Value]) -> None:
        body = self._body(at, *self.found.steps)
        lanes = arith.index_cast(self.counters, vector.step(ir.VectorType.get([self.lanes], ir.IndexType.get())))

        def places(index: ir.Value, part: int) -> ir.Value:
            first = arith.index_cast(self.counter, arith.addi(index, constant(part * self.lanes)))
            return arith.addi(vector.broadcast(self.counters, first), lanes)

        def step(index: ir.Value, carried: list[ir.Value], mask: ir.Value | None = None) -> list[ir.Value]:
            following = []
            for part in range(len(carried) // 2):
                best, where = carried[2 * part : 2 * part + 2]
                (value,) = self._values(body, self._moved({**at, self.inner: index}, part), mask, [self.found.term])
                if mask is not None:
                    value = arith.select(mask, value, self.worst)
                wins = self._wins(value, best)
                following += [arith.select(wins, value, best), arith.select(wins, places(index, part), where)]
            return following

        start = [value for part in range(self.unroll) for value in (self.worst, places(constant(0), part))]
        end = self.sizes[self.inner]
        block = self.lanes * self.unroll
        stop = arith.muli(arith.divui(end, constant(block)), constant(block))
        last = arith.muli(arith.divui(end, constant(self.lanes)), constant(self.lanes))
        best = loop(constant(0), stop, block, start, step)
        first = loop(stop, last, self.lanes, best[:2], step)
        first = loop(last, end, self.lanes, first, lambda i, carried: step(i, carried, self._mask(i, end)))
        self._finish(at, [*first, *best[2:]])

    def _finish(self, at: dict[int, ir.Value], carried: list[ir.Value]) -> None:
        """The best of all lanes and its first index, against what the results began with."""
        bests, wheres = carried[::2], carried[1::2]
        total = self._joined(bests)
        spread = vector.broadcast(self.kind, total)
        # A position that no row has: all bits set.
        nowhere = self._splat(self.counters, ir.IntegerAttr.get(self.counter, -1))
        firsts = [
            arith.select(self._is_best(best, spread), where, nowhere) for best, where in zip(bests, wheres, strict=True)
        ]
        first = firsts[0]
        for other in firsts[1:]:
            first = arith.minui(first, other)
        values, positions = self.row.outputs
        first = self._reduced("minui", first)
        if self.found.is_float:  # of zeros with unlike signs the first one
            chosen = [
                arith.cmpi(arith.CmpIPredicate.eq, where, vector.broadcast(self.counters, first)) for where in wheres
            ]
            total = self._joined([arith.select(*pair, self.worst) for pair in zip(chosen, bests, strict=True)])
        position = arith.index_cast(ir.IndexType.get(), first)
        position = arith.index_cast(positions.type.element_type, position)
        before = memref.load(values.value, self._indices(values, at))
        place = memref.load(positions.value, self._indices(positions, at))
        wins = self._wins(total, before)
        memref.store(arith.select(wins, total, before), values.value, self._indices(values, at))
        memref.store(arith.select(wins, position, place), positions.value, self._indices(positions, at))

    def _joined(self, bests: list[ir.Value]) -> ir.Value:
        """The extremum of all lanes of ``bests``."""
        joined = bests[0]
        for other in bests[1:]:
            joined = getattr(arith, self.found.kind)(joined, other)
        return self._reduced(self.found.kind, joined)

    def _wins(self, value: ir.Value, best: ir.Value) -> ir.Value:
        predicate = _COMPARISONS[self.found.kind]
        if isinstance(predicate, arith.CmpIPredicate):
            return arith.cmpi(predicate, value, best)
        return arith.andi(arith.cmpf(predicate, value, best), arith.cmpf(arith.CmpFPredicate.ORD, best, best))

    def _is_best(self, best: ir.Value, total: ir.Value) -> ir.Value:
        """Whether it equals the extremum; a NaN anywhere makes that a NaN."""
        if not self.found.is_float:
            return arith.cmpi(arith.CmpIPredicate.eq, best, total)
        nan = arith.cmpf(arith.CmpFPredicate.UNO, best, best)
        return arith.ori(arith.cmpf(arith.CmpFPredicate.OEQ, best, total), nan)

    def _reduced(self, kind: str, value: ir.Value) -> ir.Value:
        element = ir.VectorType(value.type).element_type
        return vector.reduction(element, ir.Attribute.parse(f"#vector.kind<{kind}>"), value)

    def _worst(self) -> ir.Attribute:
        element = self.found.term.type
        largest = self.found.kind in ("maximumf", "maxsi")
        if isinstance(element, ir.FloatType):
            return ir.FloatAttr.get(element, -math.inf if largest else math.inf)
        width = ir.IntegerType(element).width
        return ir.IntegerAttr.get(element, -(1 << (width - 1)) if largest else (1 << (width - 1)) - 1)
