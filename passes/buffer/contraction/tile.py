"""One tile of a contraction: accumulators in vector registers over a block of the reduction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf, vector

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
class Steps:
    """The part of the reduction that a tile runs over.

    Attributes:
        outer: dimensions that are reduced whole, outside of ``inner``.
        inner: the innermost reduced dimension, from ``start`` to ``end``; None where nothing is reduced.
        first: whether this is the first part, None where there is but one or the result doesn't start from zero.
    """

    outer: tuple[int, ...]
    inner: int | None
    start: ir.Value
    end: ir.Value
    first: ir.Value | None


class Tile:
    """Emits a tile at fixed batch and lane.

    Args:
        kernel: the nest around it.
        at: indices of batch and lane.
        rows: index of each row, ``[None]`` where there is no row dimension.
        pieces: the vectors of a row.
        steps: what to reduce.
    """

    def __init__(
        self, kernel: ContractionKernel, at: Indices, rows: list[ir.Value | None], pieces: list[Piece], steps: Steps
    ) -> None:
        self.k = kernel
        self.c = kernel.c
        self.at = at
        self.rows = rows
        self.pieces = pieces
        self.steps = steps
        self.kind = ir.VectorType.get([kernel.shape.vector], kernel.c.element)

    def emit(self) -> None:
        """Load or clear the accumulators, reduce, store."""
        values = self._reduce(self.steps.outer, dict(self.at), self._initial())
        for (row, piece), value in zip(self._places(), values, strict=True):
            indices = self._indices(self.c.out_map, row, piece, self.at)
            if piece.mask is None:
                vector.store(value, self.c.out, indices)
            else:
                vector.maskedstore(self.c.out, indices, piece.mask, value)

    def _places(self) -> list[tuple[ir.Value | None, Piece]]:
        return [(row, piece) for row in self.rows for piece in self.pieces]

    def _initial(self) -> Values:
        zeros = [self._zero()] * (len(self.rows) * len(self.pieces))
        if not self.k.zero:
            return self._loaded()
        if self.steps.first is None:
            return zeros
        choice = scf.IfOp(self.steps.first, [self.kind] * len(zeros), has_else=True)
        with ir.InsertionPoint(choice.then_block):
            scf.yield_(zeros)
        with ir.InsertionPoint(choice.else_block):
            scf.yield_(self._loaded())
        return list(choice.results)

    def _loaded(self) -> Values:
        return [
            self._load(self.c.out, self._indices(self.c.out_map, row, piece, self.at), piece.mask)
            for row, piece in self._places()
        ]

    def _zero(self) -> ir.Value:
        element = ir.FloatAttr.get(self.c.element, 0.0)
        return arith.constant(self.kind, ir.DenseElementsAttr.get_splat(self.kind, element))

    def _reduce(self, outer: tuple[int, ...], at: Indices, values: Values) -> Values:
        if outer:

            def body(index: ir.Value, carried: Values) -> Values:
                return self._reduce(outer[1:], {**at, outer[0]: index}, carried)

            return self._carry(self.k.constant(0), self.k.size(outer[0]), self.k.constant(1), values, body)
        inner = self.steps.inner
        if inner is None:
            return self._step(at, values)
        size = self.c.sizes[inner]
        if size is not None and size <= _FULL_UNROLL:
            for position in range(size):
                values = self._step({**at, inner: self.k.constant(position)}, values)
            return values
        return self._deep(inner, at, values)

    def _deep(self, inner: int, at: Indices, values: Values) -> Values:
        """The innermost reduction: ``depth`` steps an iteration, and a loop for what is left over."""
        depth, start, end = self.k.shape.depth, self.steps.start, self.steps.end
        size = self.c.sizes[inner]
        step = self.k.constant(depth)

        def several(index: ir.Value, carried: Values) -> Values:
            for offset in range(depth):
                carried = self._step({**at, inner: self.k.plus(index, offset)}, carried)
            return carried

        def single(index: ir.Value, carried: Values) -> Values:
            return self._step({**at, inner: index}, carried)

        even = size is not None and size % depth == 0 and self.k.shape.block % depth == 0
        length = arith.subi(end, start)
        middle = end if even else arith.addi(start, arith.muli(arith.divui(length, step), step))
        values = self._carry(start, middle, step, values, several)
        return values if even else self._carry(middle, end, self.k.constant(1), values, single)

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

    def _step(self, at: Indices, values: Values) -> Values:
        rights = []
        for piece in self.pieces:
            mask = None if self.c.panel else piece.mask  # panels are padded
            rights.append(self._load(self.c.right, self._indices(self.c.right_map, None, piece, at), mask))
        stepped: Values = []
        for row in self.rows:
            scalar = memref.load(self.c.left, self._indices(self.c.left_map, row, None, at))
            spread = vector.broadcast(self.kind, scalar)
            stepped += [vector.fma(spread, right, values[len(stepped) + i]) for i, right in enumerate(rights)]
        return stepped

    def _load(self, source: ir.Value, indices: list[ir.Value], mask: ir.Value | None) -> ir.Value:
        if mask is None:
            return vector.load(self.kind, source, indices)
        return vector.maskedload(self.kind, source, indices, mask, self._zero())

    def _indices(
        self, indexing: ir.AffineMap, row: ir.Value | None, piece: Piece | None, at: Indices
    ) -> list[ir.Value]:
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
        if isinstance(expression, ir.AffineFloorDivExpr):  # a tile starts where a panel does
            panel = ir.AffineConstantExpr(expression.rhs).value
            return self.k.plus(arith.divui(at[self.c.lane], self.k.constant(panel)), offset // panel)
        if isinstance(expression, ir.AffineModExpr):
            return self.k.constant(offset % ir.AffineConstantExpr(expression.rhs).value)
        left, right = self._value(expression.lhs, offset, at), self._value(expression.rhs, offset, at)
        return arith.addi(left, right) if isinstance(expression, ir.AffineAddExpr) else arith.muli(left, right)
