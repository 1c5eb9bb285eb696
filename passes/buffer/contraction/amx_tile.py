"""Sums in the tile registers of Intel's AMX, and the copy of the right operand that they read.

Sums go to memory on their way to the result where parts of the reduction follow, where lanes or rows are ragged, and
where an epilogue follows, which runs on rows of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, scf, vector, x86

from stepwell.passes.buffer.contraction.amx import ROWS
from stepwell.passes.buffer.contraction.numbers import zeros
from stepwell.passes.buffer.contraction.step import right_in_groups
from stepwell.passes.buffer.contraction.tile import Indices, Panels, Piece, Steps, Tile

if TYPE_CHECKING:
    from stepwell.passes.buffer.contraction.amx_kernel import AmxKernel


@dataclass(frozen=True)
class Sums:
    """A buffer for sums: of one tile, or of a block from ``row`` and ``lane`` on; and ``nothing`` for one tile."""

    buffer: ir.Value
    nothing: ir.Value
    row: ir.Value | None
    lane: ir.Value | None


class Fill(Tile):
    """Copies the right operand's steps of some lanes into panels, in groups, padded with zeros to whole tiles."""

    def emit(self) -> None:
        k, inner = self.k, self.steps.inner
        assert self.panels is not None and inner is not None
        size, (_, padded, _) = self.c.sizes[inner], ir.MemRefType(self.panels.buffer.type).shape
        assert size is not None
        end = self.steps.end

        def group(index: ir.Value) -> None:
            for piece in self.pieces:
                right_in_groups(self, piece, {**self.at, inner: index}, end if size % k.group else None)

        k.loop(k.constant(0), end, k.constant(k.group), group)
        groups = -(-size // k.group)
        place = arith.divui(arith.subi(self.at[self.c.lane], self.panels.lane), k.constant(k.shape.lanes))
        buffer = self.panels.buffer

        def nothing(index: ir.Value) -> None:
            for piece in self.pieces:
                none = zeros(ir.VectorType.get([k.shape.vector * k.group], k.factor))
                vector.store(none, buffer, [place, index, k.constant(piece.offset * k.group)])

        if groups != padded:
            k.loop(k.constant(groups), k.constant(padded), k.constant(1), nothing)


class Tiles(Tile):
    """One or two tiles of rows by some of lanes: sums in tile registers, through memory to the result."""

    def __init__(
        self,
        kernel: AmxKernel,
        at: Indices,
        rows: list[ir.Value | None],
        pieces: list[Piece],
        steps: Steps,
        panels: Panels | None,
        sums: Sums,
    ) -> None:
        super().__init__(kernel, at, rows, pieces, steps, panels)
        self.amx = kernel
        self.sums = sums

    def emit(self) -> None:
        k, steps = self.amx, self.steps
        sums = self._carry(steps.start, steps.end, k.constant(k.step), self._start(), self._multiply)
        plain = k.zero and k.epilogue is None and all(piece.mask is None for piece in self.pieces)
        if plain and ends_with(self.c.out_map, k.row, self.c.lane) and self._is_whole():
            self._end(lambda: self._to_result(sums), lambda: self._keep(sums))
            return
        self._keep(sums)
        self._end(self._finish_rows, None)

    def _start(self) -> list[ir.Value]:
        """Zeros, or what the parts of the reduction before this one came to."""
        k, kind = self.amx, self.amx.kinds["sum"]

        def nothing() -> list[ir.Value]:
            corners = self._corners_at(k.constant(0), k.constant(0))
            return [x86.amx_tile_load(kind, self.sums.nothing, corner) for corner in corners]

        if self.steps.first is None:
            return nothing()
        choice = scf.IfOp(self.steps.first, [kind] * len(self._places()), has_else=True)
        with ir.InsertionPoint(choice.then_block):
            scf.yield_(nothing())
        with ir.InsertionPoint(choice.else_block):
            scf.yield_([x86.amx_tile_load(kind, self.sums.buffer, corner) for corner in self._corners()])
        return list(choice.results)

    def _end(self, then: Callable[[], None], otherwise: Callable[[], None] | None) -> None:
        """``then`` behind the last part of the reduction, ``otherwise`` behind others."""
        if self.steps.last is None:
            then()
            return
        choice = scf.IfOp(self.steps.last, has_else=otherwise is not None)
        for block, make in ((choice.then_block, then), (choice.else_block, otherwise)):
            if make is not None:
                with ir.InsertionPoint(block):
                    make()
                    scf.yield_([])

    def _keep(self, sums: list[ir.Value]) -> None:
        for corner, value in zip(self._corners(), sums, strict=True):
            x86.amx_tile_store(self.sums.buffer, corner, value)

    def _to_result(self, sums: list[ir.Value]) -> None:
        for (row, piece), value in zip(self._places(), sums, strict=True):
            x86.amx_tile_store(self.c.out, self.indices(self.c.out_map, row, piece, self.at), value)

    def _corners(self) -> list[list[ir.Value]]:
        """Where the sums of each tile are kept."""
        return self._corners_at(*self._corner())

    def _corners_at(self, row: ir.Value, lane: ir.Value) -> list[list[ir.Value]]:
        k = self.amx
        return [
            [k.plus(row, high * ROWS), k.plus(lane, piece.offset)]
            for high in range(len(self.rows))
            for piece in self.pieces
        ]

    def _corner(self) -> tuple[ir.Value, ir.Value]:
        first, zero = self.rows[0], self.amx.constant(0)
        assert first is not None
        row = zero if self.sums.row is None else arith.subi(first, self.sums.row)
        lane = zero if self.sums.lane is None else arith.subi(self.at[self.c.lane], self.sums.lane)
        return row, lane

    def _is_whole(self) -> bool:
        count = self.c.sizes[self.amx.row]
        return count is not None and count % ROWS == 0

    def _multiply(self, index: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
        k = self.amx
        at = {**self.at, k.inner: index}
        lefts = [
            x86.amx_tile_load(k.kinds["factor"], self.c.left, self.indices(self.c.left_map, row, None, at))
            for row in self.rows
        ]
        rights = [x86.amx_tile_load(k.kinds["factor"], *self._right(piece, at)) for piece in self.pieces]
        multiply = x86.amx_tile_mulf if isinstance(self.c.element, ir.FloatType) else x86.amx_tile_muli
        pairs = [(left, right) for left in lefts for right in rights]
        return [multiply(left, right, total) for (left, right), total in zip(pairs, sums, strict=True)]

    def _right(self, piece: Piece, at: Indices) -> tuple[ir.Value, list[ir.Value]]:
        """Where the right operand's tile is."""
        k = self.amx
        if self.panels is None:
            return self.c.right, self.indices(self.c.right_map, None, piece, at)
        place = arith.divui(arith.subi(at[self.c.lane], self.panels.lane), k.constant(k.shape.lanes))
        step = arith.divui(at[k.inner], k.constant(k.group))
        return self.panels.buffer, [place, step, k.constant(piece.offset * k.group)]

    def _finish_rows(self) -> None:
        """Each row of the sums that the result has."""
        k, first = self.amx, self.rows[0]
        assert first is not None
        top, left = self._corner()
        count = arith.minsi(k.constant(len(self.rows) * ROWS), arith.subi(k.size(k.row), first))

        def row(index: ir.Value) -> None:
            line = Tile(k, self.at, [arith.addi(first, index)], self.pieces, self.steps)
            kept = arith.addi(top, index)
            sums = [vector.load(self.kind, self.sums.buffer, [kept, k.plus(left, p.offset)]) for p in self.pieces]
            if not k.zero:
                add = arith.addf if isinstance(self.c.element, ir.FloatType) else arith.addi
                sums = [add(held, total) for held, total in zip(line.loaded(), sums, strict=True)]
            line.finish(k.epilogue, sums)

        k.loop(k.constant(0), count, k.constant(1), row)


def ends_with(indexing: ir.AffineMap, *dims: int) -> bool:
    """Whether the last axes are indexed by ``dims``."""
    return list(indexing.results)[-len(dims) :] == [ir.AffineDimExpr.get(dim) for dim in dims]
