"""One tile of a contraction: accumulators in vector registers over a block of the reduction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf, vector

from stepwell.passes.buffer.contraction.ahead import ask_for_next
from stepwell.passes.buffer.contraction.epilogue import Epilogue, Operand
from stepwell.passes.buffer.contraction.numbers import zeros
from stepwell.passes.buffer.contraction.step import take_step

if TYPE_CHECKING:
    from stepwell.passes.buffer.contraction.kernel import ContractionKernel

_FULL_UNROLL = 8

Indices = dict[int, ir.Value]
#: One accumulator for each row and piece, row by row.
Values = list[ir.Value]


@dataclass(frozen=True)
class Piece:
    """A vector of a row: ``offset`` elements from where the tile starts, ``mask`` where it sticks out of the row."""

    offset: int
    mask: ir.Value | None


@dataclass(frozen=True)
class Panels:
    """A copy of the right operand for a block of lanes, memref<tiles x steps x lanes>, that a tile fills or reads.

    It has the type that is multiplied; steps that are one instruction lie side by side in each lane.

    Attributes:
        lane: where the block starts.
    """

    buffer: ir.Value
    lane: ir.Value
    fills: bool


@dataclass(frozen=True)
class Steps:
    """The part of the reduction that a tile runs over.

    Attributes:
        outer: dimensions that are reduced whole, outside of ``inner``.
        inner: the innermost reduced dimension, from ``start`` to ``end``; None where nothing is reduced.
        first: whether this is the first part, None where there is but one or the result doesn't start from zero.
        last: whether this is the last part, None where there is but one.
    """

    outer: tuple[int, ...]
    inner: int | None
    start: ir.Value
    end: ir.Value
    first: ir.Value | None
    last: ir.Value | None


class Tile:
    """Emits a tile at fixed batch and lane.

    Args:
        kernel: the nest around it.
        at: indices of batch and lane.
        rows: index of each row, ``[None]`` where there is no row dimension.
        pieces: the vectors of a row.
        steps: what to reduce.
        panels: a copy of the right operand to fill, or to read in its place.
    """

    def __init__(
        self,
        kernel: ContractionKernel,
        at: Indices,
        rows: list[ir.Value | None],
        pieces: list[Piece],
        steps: Steps,
        panels: Panels | None = None,
    ) -> None:
        self.k = kernel
        self.c = kernel.c
        self.at = at
        self.rows = rows
        self.pieces = pieces
        self.steps = steps
        self.panels = panels
        self.kind = ir.VectorType.get([kernel.shape.vector], kernel.c.element)

    def emit(self) -> None:
        """Load or clear the accumulators, reduce, finish, store."""
        values = self._corrected(self._reduce(self.steps.outer, dict(self.at), self._initial() + self._corrections()))
        epilogue = self.k.epilogue
        if epilogue is None or self.steps.last is None:
            self.finish(epilogue, values)
            return
        choice = scf.IfOp(self.steps.last, has_else=True)
        for block, chosen in ((choice.then_block, epilogue), (choice.else_block, None)):
            with ir.InsertionPoint(block):
                self.finish(chosen, values)
                scf.yield_([])

    def _corrections(self) -> Values:
        """Sums of the right operand, one for each piece, where 128 was added to all of the left one."""
        shifted = self.k.dot is not None and self.k.dot.shifted
        return [zeros(self.kind)] * len(self.pieces) if shifted else []

    def _corrected(self, values: Values) -> Values:
        count = len(self.rows) * len(self.pieces)
        if len(values) == count:
            return values
        extra = values[count:]
        return [arith.subi(value, extra[place % len(extra)]) for place, value in enumerate(values[:count])]

    def finish(self, epilogue: Epilogue | None, values: Values) -> None:
        """Store; all is computed before, as rows may repeat and an outcome may replace an operand."""
        out, out_map = self.c.out, self.c.out_map
        if epilogue is not None:
            values = [
                self._outcome(epilogue, *place, value) for place, value in zip(self._places(), values, strict=True)
            ]
            out, out_map = epilogue.out.value, epilogue.out.indexing
        for (row, piece), value in zip(self._places(), values, strict=True):
            indices = self.indices(out_map, row, piece, self.at)
            if piece.mask is None:
                vector.store(value, out, indices)
            else:
                vector.maskedstore(out, indices, piece.mask, value)

    def _outcome(self, epilogue: Epilogue, row: ir.Value | None, piece: Piece, value: ir.Value) -> ir.Value:
        loaded = [value if x is None else self._epilogue_operand(x, row, piece) for x in epilogue.inputs]
        known: dict[ir.Value, ir.Value] = dict(zip(epilogue.body.arguments, loaded, strict=False))

        def vector_of(scalar: ir.Value) -> ir.Value:
            if scalar not in known:
                known[scalar] = vector.broadcast(self.vector_of(scalar.type), scalar)
            return known[scalar]

        *body, end = [op.operation for op in epilogue.body.operations]
        for op in body:
            if op.name == "arith.constant":
                known[op.results[0]] = vector.broadcast(
                    self.vector_of(op.results[0].type), op.clone().operation.results[0]
                )
                continue
            made = ir.Operation.create(
                op.name,
                results=[self.vector_of(result.type) for result in op.results],
                operands=[vector_of(operand) for operand in op.operands],
                attributes={named: op.attributes[named] for named in op.attributes},
            )
            known.update(zip(op.results, made.results, strict=True))
        return vector_of(end.operands[0])

    def _epilogue_operand(self, operand: Operand, row: ir.Value | None, piece: Piece) -> ir.Value:
        indices = self.indices(operand.indexing, row, piece, self.at)
        kind = self.vector_of(ir.MemRefType(operand.value.type).element_type)
        results = list(operand.indexing.results)
        if results and results[-1] == ir.AffineDimExpr.get(self.c.lane):
            return self.load(operand.value, indices, piece.mask, kind)
        return vector.broadcast(kind, memref.load(operand.value, indices))

    def vector_of(self, element: ir.Type) -> ir.VectorType:
        """The type of a piece of ``element``."""
        return ir.VectorType.get([self.k.shape.vector], element)

    def _places(self) -> list[tuple[ir.Value | None, Piece]]:
        return [(row, piece) for row in self.rows for piece in self.pieces]

    def _initial(self) -> Values:
        start = [zeros(self.kind)] * (len(self.rows) * len(self.pieces))
        if not self.k.zero:
            return self.loaded()
        if self.steps.first is None:
            return start
        choice = scf.IfOp(self.steps.first, [self.kind] * len(start), has_else=True)
        with ir.InsertionPoint(choice.then_block):
            scf.yield_(start)
        with ir.InsertionPoint(choice.else_block):
            scf.yield_(self.loaded())
        return list(choice.results)

    def loaded(self) -> Values:
        """What the result holds, row by row."""
        return [
            self.load(self.c.out, self.indices(self.c.out_map, row, piece, self.at), piece.mask)
            for row, piece in self._places()
        ]

    def _reduce(self, outer: tuple[int, ...], at: Indices, values: Values) -> Values:
        if outer:

            def body(index: ir.Value, carried: Values) -> Values:
                return self._reduce(outer[1:], {**at, outer[0]: index}, carried)

            return self._carry(self.k.constant(0), self.k.size(outer[0]), self.k.constant(1), values, body)
        inner = self.steps.inner
        if inner is None:
            return take_step(self, at, values)
        size = self.c.sizes[inner]
        if size is not None and size <= _FULL_UNROLL and self.k.dot is None:
            for position in range(size):
                values = take_step(self, {**at, inner: self.k.constant(position)}, values)
            return values
        return self._deep(inner, at, values)

    def _deep(self, inner: int, at: Indices, values: Values) -> Values:
        """The innermost reduction: ``depth`` steps an iteration, and a loop for what is left over."""
        depth, start, end = self.k.shape.depth, self.steps.start, self.steps.end
        size, unit = self.c.sizes[inner], self.k.group
        whole = depth * unit
        step = self.k.constant(whole)

        def several(index: ir.Value, carried: Values) -> Values:
            ask_for_next(self, inner, index)
            for offset in range(depth):
                carried = take_step(self, {**at, inner: self.k.plus(index, offset * unit)}, carried)
            return carried

        def single(index: ir.Value, carried: Values) -> Values:
            ends = size is None or size % unit != 0
            return take_step(self, {**at, inner: index}, carried, end if ends else None)

        even = size is not None and size % whole == 0 and self.k.shape.block % whole == 0
        length = arith.subi(end, start)
        middle = end if even else arith.addi(start, arith.muli(arith.divui(length, step), step))
        values = self._carry(start, middle, step, values, several)
        return values if even else self._carry(middle, end, self.k.constant(unit), values, single)

    def _carry(
        self,
        lower: ir.Value,
        upper: ir.Value,
        step: ir.Value,
        values: Values,
        body: Callable[[ir.Value, Values], Values],
    ) -> Values:
        loop = scf.ForOp(lower, upper, step, values)
        with ir.InsertionPoint(loop.body):
            scf.yield_(body(loop.induction_variable, list(loop.inner_iter_args)))
        return list(loop.results)

    def load(
        self, source: ir.Value, indices: list[ir.Value], mask: ir.Value | None, kind: ir.VectorType | None = None
    ) -> ir.Value:
        """A vector of ``source``, accumulators' by default; zeros where ``mask`` is not set."""
        kind = kind or self.kind
        if mask is None:
            return vector.load(kind, source, indices)
        return vector.maskedload(kind, source, indices, mask, zeros(kind))

    def indices(self, indexing: ir.AffineMap, row: ir.Value | None, piece: Piece | None, at: Indices) -> list[ir.Value]:
        """Where an operand is read at ``at``: of a row and a vector of the tile, where it has them."""
        here = dict(at)
        if self.c.row is not None and row is not None:
            here[self.c.row] = row
        offset = piece.offset if piece is not None else 0
        return [self._value(result, offset, here) for result in indexing.results]

    def _value(self, expression: ir.AffineExpr, offset: int, at: Indices) -> ir.Value:
        """``expression`` at ``at``, ``offset`` elements along the lane dimension."""
        if isinstance(expression, ir.AffineDimExpr):
            lane = expression.position == self.c.lane
            return self.k.plus(at[expression.position], offset if lane else 0)
        if isinstance(expression, ir.AffineConstantExpr):
            return self.k.constant(expression.value)
        assert isinstance(expression, ir.AffineBinaryExpr)
        if isinstance(expression, ir.AffineFloorDivExpr):  # a tile starts where a panel does, a step where a group does
            panel = ir.AffineConstantExpr(expression.rhs).value
            dim = ir.AffineDimExpr(expression.lhs).position
            if dim != self.c.lane:
                return arith.divui(at[dim], self.k.constant(panel))
            return self.k.plus(arith.divui(at[self.c.lane], self.k.constant(panel)), offset // panel)
        if isinstance(expression, ir.AffineModExpr):
            return self.k.constant(offset % ir.AffineConstantExpr(expression.rhs).value)
        left, right = self._value(expression.lhs, offset, at), self._value(expression.rhs, offset, at)
        return arith.addi(left, right) if isinstance(expression, ir.AffineAddExpr) else arith.muli(left, right)
