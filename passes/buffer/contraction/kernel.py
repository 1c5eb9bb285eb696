"""The register-blocked loop nest of a contraction.

Accumulators of ``rows x lanes`` stay in vector registers over a block of the reduction; each step broadcasts one
scalar of ``left`` per row against one or two vectors of ``right`` (Goto and van de Geijn, 2008, without packing).
Batches and strips of lanes are independent of each other: their loops, the outermost ones, are ``scf.parallel``.
Ragged edges are blocks of their own: what is left of the rows runs with fewer rows, of the lanes with shorter vectors
where the size is static and with masks where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf, vector

from stepwell.passes.buffer.contraction.roles import Contraction
from stepwell.passes.buffer.parallel import build_parallel

_FULL_UNROLL = 8
#: Lane tiles in one iteration of the outermost loop: what of ``left`` is in cache serves all of them.
_STRIP = 4


@dataclass(frozen=True)
class KernelShape:
    """The blocking.

    Attributes:
        rows, lanes: accumulators held in registers, ``lanes`` in elements.
        depth: steps of the innermost reduced dimension in one iteration.
        block: steps of it between loading and storing accumulators.
    """

    rows: int
    lanes: int
    depth: int
    block: int


Indices = dict[int, ir.Value]
Body = Callable[[ir.Value], None]
#: Given where a lane tile starts, its lanes, and a mask where not all of them exist.
LaneBody = Callable[[ir.Value, int, ir.Value | None], None]
LaneLoop = Callable[[LaneBody], None]


class ContractionKernel:
    """Emits the loop nest in front of ``contraction.op``; the op itself is left to the caller to erase."""

    def __init__(self, contraction: Contraction, shape: KernelShape) -> None:
        self.c = contraction
        self.shape = shape
        self.index = ir.IndexType.get()
        # Constants and sizes gather in front of this one, so that they dominate the whole nest.
        self._anchor = arith.constant(self.index, 0)
        self._constants: dict[int, ir.Value] = {0: self._anchor}
        self._sizes: dict[int, ir.Value] = {}

    def emit(self) -> None:
        """Build the nest at the insertion point that the kernel was made at; its outermost loops are parallel."""
        *outer, inner = self.c.reduced or (None,)
        batch = self.c.batch
        if not batch:
            self._strips(outer, inner, {})
            return
        zero, one = self.constant(0), self.constant(1)
        sizes = [self.size(dim) for dim in batch]
        build_parallel(
            [zero] * len(batch),
            sizes,
            [one] * len(batch),
            lambda at: self._strips(outer, inner, dict(zip(batch, at, strict=True))),
        )

    def _strips(self, outer: Sequence[int], inner: int | None, at: Indices) -> None:
        """Strips of a few lane tiles, independent of each other, and what is left of the lanes."""
        size, lanes = self.c.sizes[self.c.lane], self.shape.lanes
        zero, unit, strip = self.constant(0), self.constant(lanes), self.constant(_STRIP * lanes)
        main: ir.Value | int
        if size is not None:
            main = size - size % lanes
            end = self.constant(main)
        else:
            main = end = arith.muli(arith.divui(self.size(self.c.lane), unit), unit)

        def strips(at_strip: list[ir.Value]) -> None:
            last = arith.minsi(arith.addi(at_strip[0], strip), end)
            self._blocks(
                outer, inner, lambda body: self._loop(at_strip[0], last, unit, lambda lane: body(lane, lanes, None)), at
            )

        if main != 0:
            build_parallel([zero], [end], [strip], strips)
        if size is None or size % lanes:
            self._blocks(outer, inner, lambda body: self._last_lanes(end, body), at)

    def _blocks(self, outer: Sequence[int], inner: int | None, lanes: LaneLoop, at: Indices) -> None:
        size = self.c.sizes[inner] if inner is not None else None
        if inner is None or outer or (size is not None and size <= self.shape.block):
            end = self.size(inner) if inner is not None else self.constant(1)
            self._tiles(outer, inner, lanes, at, self.constant(0), end)
            return
        step = self.constant(self.shape.block)

        def block(start: ir.Value) -> None:
            end = arith.minsi(arith.addi(start, step), self.size(inner))
            self._tiles(outer, inner, lanes, at, start, end)

        self._loop(self.constant(0), self.size(inner), step, block)

    def _tiles(
        self, outer: Sequence[int], inner: int | None, lanes: LaneLoop, at: Indices, start: ir.Value, end: ir.Value
    ) -> None:
        """Lane tiles, and row tiles inside of them: a panel of ``right`` stays in cache for all rows."""

        def with_lanes(lane: ir.Value, width: int, mask: ir.Value | None) -> None:
            def with_rows(row: ir.Value | None, rows: int) -> None:
                here = dict(at)
                here[self.c.lane] = lane
                if self.c.row is not None and row is not None:
                    here[self.c.row] = row
                _Tile(self, here, rows, width, mask).emit(outer, inner, start, end)

            self._split_rows(with_rows)

        lanes(with_lanes)

    def _split_rows(self, body: Callable[[ir.Value | None, int], None]) -> None:
        dim = self.c.row
        if dim is None:
            body(None, 1)
            return
        size, rows = self.c.sizes[dim], self.shape.rows
        if size is not None:
            main = size - size % rows
            if main:
                self._loop(self.constant(0), self.constant(main), self.constant(rows), lambda row: body(row, rows))
            if size % rows:
                body(self.constant(main), size % rows)
            return
        unit = self.constant(rows)
        end = arith.muli(arith.divui(self.size(dim), unit), unit)
        self._loop(self.constant(0), end, unit, lambda row: body(row, rows))
        self._loop(end, self.size(dim), self.constant(1), lambda row: body(row, 1))

    def _last_lanes(self, start: ir.Value, body: LaneBody) -> None:
        """The lanes from ``start`` on, fewer than a tile has."""
        size, lanes = self.c.sizes[self.c.lane], self.shape.lanes
        if size is not None:
            body(start, size % lanes, None)
            return
        total = self.size(self.c.lane)

        def tail(lane: ir.Value) -> None:
            kind = ir.VectorType.get([lanes], ir.IntegerType.get_signless(1))
            body(lane, lanes, vector.create_mask(kind, [arith.subi(total, lane)]))

        self._loop(start, total, self.constant(lanes), tail)

    def _loop(self, lower: ir.Value, upper: ir.Value, step: ir.Value, body: Body) -> None:
        loop = scf.ForOp(lower, upper, step)
        with ir.InsertionPoint(loop.body):
            body(loop.induction_variable)
            scf.yield_([])

    def constant(self, value: int) -> ir.Value:
        """An index constant."""
        if value not in self._constants:
            with ir.InsertionPoint(self._anchor.owner):
                self._constants[value] = arith.constant(self.index, value)
        return self._constants[value]

    def size(self, dim: int) -> ir.Value:
        """The size of a dimension."""
        static = self.c.sizes[dim]
        if static is not None:
            return self.constant(static)
        if dim not in self._sizes:
            for value, indexing in (
                (self.c.out, self.c.out_map),
                (self.c.right, self.c.right_map),
                (self.c.left, self.c.left_map),
            ):
                for axis, result in enumerate(indexing.results):
                    if isinstance(result, ir.AffineDimExpr) and result.position == dim and dim not in self._sizes:
                        with ir.InsertionPoint(self._anchor.owner):
                            self._sizes[dim] = memref.dim(value, arith.constant(self.index, axis))
        return self._sizes[dim]


class _Tile:
    """One block of accumulators at fixed batch, row and lane."""

    def __init__(self, kernel: ContractionKernel, at: Indices, rows: int, lanes: int, mask: ir.Value | None) -> None:
        self.k = kernel
        self.c = kernel.c
        self.at = at
        self.rows = rows
        self.mask = mask
        self.kind = ir.VectorType.get([lanes], kernel.c.element)

    def emit(self, outer: Sequence[int], inner: int | None, start: ir.Value, end: ir.Value) -> None:
        accumulators = [self._load(self.c.out, self.c.out_map, row, self.at) for row in range(self.rows)]
        accumulators = self._reduce(list(outer), inner, start, end, dict(self.at), accumulators)
        for row, value in enumerate(accumulators):
            indices = self._indices(self.c.out_map, row, self.at)
            if self.mask is None:
                vector.store(value, self.c.out, indices)
            else:
                vector.maskedstore(self.c.out, indices, self.mask, value)

    def _reduce(
        self,
        outer: list[int],
        inner: int | None,
        start: ir.Value,
        end: ir.Value,
        at: Indices,
        values: list[ir.Value],
    ) -> list[ir.Value]:
        if outer:

            def body(index: ir.Value, carried: list[ir.Value]) -> list[ir.Value]:
                return self._reduce(outer[1:], inner, start, end, {**at, outer[0]: index}, carried)

            return self._carry(self.k.constant(0), self.k.size(outer[0]), self.k.constant(1), values, body)
        if inner is None:
            return self._step(at, values)
        size = self.c.sizes[inner]
        if size is not None and size <= _FULL_UNROLL:
            for position in range(size):
                values = self._step({**at, inner: self.k.constant(position)}, values)
            return values
        return self._deep(inner, start, end, at, values)

    def _deep(self, inner: int, start: ir.Value, end: ir.Value, at: Indices, values: list[ir.Value]) -> list[ir.Value]:
        """The innermost reduction: ``depth`` steps an iteration, and a loop for what is left over."""
        depth = self.k.shape.depth
        size = self.c.sizes[inner]
        step = self.k.constant(depth)

        def several(index: ir.Value, carried: list[ir.Value]) -> list[ir.Value]:
            for offset in range(depth):
                position = arith.addi(index, self.k.constant(offset)) if offset else index
                carried = self._step({**at, inner: position}, carried)
            return carried

        def single(index: ir.Value, carried: list[ir.Value]) -> list[ir.Value]:
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
        values: list[ir.Value],
        body: Callable[[ir.Value, list[ir.Value]], list[ir.Value]],
    ) -> list[ir.Value]:
        loop = scf.ForOp(lower, upper, step, values)
        with ir.InsertionPoint(loop.body):
            scf.yield_(body(loop.induction_variable, list(loop.inner_iter_args)))
        return list(loop.results)

    def _step(self, at: Indices, values: list[ir.Value]) -> list[ir.Value]:
        right = self._load(self.c.right, self.c.right_map, 0, at)
        stepped = []
        for row, value in enumerate(values):
            scalar = memref.load(self.c.left, self._indices(self.c.left_map, row, at))
            stepped.append(vector.fma(vector.broadcast(self.kind, scalar), right, value))
        return stepped

    def _load(self, source: ir.Value, indexing: ir.AffineMap, row: int, at: Indices) -> ir.Value:
        indices = self._indices(indexing, row, at)
        if self.mask is None:
            return vector.load(self.kind, source, indices)
        element = ir.FloatAttr.get(self.c.element, 0.0)
        zero = arith.constant(self.kind, ir.DenseElementsAttr.get_splat(self.kind, element))
        return vector.maskedload(self.kind, source, indices, self.mask, zero)

    def _indices(self, indexing: ir.AffineMap, row: int, at: Indices) -> list[ir.Value]:
        return [self._value(result, row, at) for result in indexing.results]

    def _value(self, expression: ir.AffineExpr, row: int, at: Indices) -> ir.Value:
        if isinstance(expression, ir.AffineDimExpr):
            value = at[expression.position]
            if expression.position != self.c.row or row == 0:
                return value
            return arith.addi(value, self.k.constant(row))
        if isinstance(expression, ir.AffineConstantExpr):
            return self.k.constant(expression.value)
        assert isinstance(expression, ir.AffineBinaryExpr)
        left, right = self._value(expression.lhs, row, at), self._value(expression.rhs, row, at)
        return arith.addi(left, right) if isinstance(expression, ir.AffineAddExpr) else arith.muli(left, right)
