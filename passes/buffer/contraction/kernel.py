"""The register-blocked loop nest of a contraction.

Accumulators of ``rows x lanes`` stay in vector registers over a block of the reduction; each step broadcasts one
scalar of ``left`` per row against the vectors of ``right`` (Goto and van de Geijn, 2008; ``left`` is not packed).
Where ``right`` is large, met by many rows and not packed ahead of time, the first tile of rows copies the vectors that
it loads into a panel, which the others read: rows that lie a page apart compete for one set of the cache.
Blocks of the result that share nothing are the iterations of one ``scf.parallel``. Ragged edges are tiles of their
own: what is left of a static number of rows runs with fewer rows, of a dynamic one with rows that repeat the last;
vectors that stick out of a row are masked.
"""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf, vector

from stepwell.passes.buffer.contraction.dot import Dot
from stepwell.passes.buffer.contraction.epilogue import Epilogue
from stepwell.passes.buffer.contraction.roles import Contraction
from stepwell.passes.buffer.contraction.tile import Indices, Panels, Piece, Steps, Tile
from stepwell.passes.buffer.parallel import build_parallel
from stepwell.passes.schedules.contraction import ContractionSchedule

#: Rows of the tile for what is left of a dynamic number of rows.
_REST = 4


class ContractionKernel:
    """Emits the loop nest in front of ``contraction.op``; the op itself is left to the caller to erase.

    Args:
        contraction: what to compute.
        shape: the blocking.
        zero: the result starts from zero instead of from what ``out`` holds.
        epilogue: what to do to the result; the nest then stands where the epilogue does.
        dot: the instruction that multiplies, where it is not a plain multiply-add; the left operand is made for it.
    """

    def __init__(
        self,
        contraction: Contraction,
        shape: ContractionSchedule,
        zero: bool = False,
        epilogue: Epilogue | None = None,
        dot: Dot | None = None,
    ) -> None:
        self.c = contraction
        self.shape = shape
        self.zero = zero
        self.epilogue = epilogue
        self.dot = dot
        #: Steps of the reduction that are one, and the type of what is multiplied.
        self.group, self.factor = (dot.group, dot.element) if dot is not None else (1, contraction.element)
        self.index = ir.IndexType.get()
        # Constants and sizes gather in front of this one, so that they dominate the whole nest.
        self._anchor = arith.constant(self.index, 0)
        self._constants: dict[int, ir.Value] = {0: self._anchor}
        self._sizes: dict[int, ir.Value] = {}
        self._panels: ir.Value | None = None

    def emit(self) -> None:
        """Build the nest at the insertion point that the kernel was made at."""
        zero, one = self.constant(0), self.constant(1)
        uppers = [self.size(dim) for dim in self.c.batch]
        steps = [one for _ in uppers]
        uppers += [self.size(self.c.lane), self.size(self.c.row) if self.c.row is not None else one]
        steps += [self.constant(self.shape.lane_block), self.constant(self.shape.row_block)]

        def block(at: list[ir.Value]) -> None:
            *batch, lane, row = at
            self._panels = self._allocate_panels() if self.shape.copies else None
            self._blocks(dict(zip(self.c.batch, batch, strict=True)), lane, row)

        build_parallel([zero] * len(uppers), uppers, steps, block)

    def _blocks(self, at: Indices, lane: ir.Value, row: ir.Value) -> None:
        """One iteration of the parallel loop: blocks of the reduction, tiles of the result inside of them."""
        *outer, inner = self.c.reduced or (None,)
        size = self.c.sizes[inner] if inner is not None else None
        if inner is None or outer or (size is not None and size <= self.shape.block):
            end = self.size(inner) if inner is not None else self.constant(1)
            self._tiles(Steps(tuple(outer), inner, self.constant(0), end, None, None), at, lane, row)
            return
        step = self.constant(self.shape.block)

        def block(start: ir.Value) -> None:
            end = arith.minsi(arith.addi(start, step), self.size(inner))
            first = arith.cmpi(arith.CmpIPredicate.eq, start, self.constant(0)) if self.zero else None
            last = arith.cmpi(arith.CmpIPredicate.eq, end, self.size(inner)) if self.epilogue is not None else None
            self._tiles(Steps((), inner, start, end, first, last), at, lane, row)

        # A reduction over nothing still has to write what the result starts from.
        length = arith.maxsi(self.size(inner), self.constant(1)) if size is None else self.size(inner)
        self.loop(self.constant(0), length, step, block)

    def _tiles(self, steps: Steps, at: Indices, lane: ir.Value, row: ir.Value) -> None:
        """Lane tiles, and row tiles inside of them: a panel of ``right`` stays in cache for all rows."""

        def tiles(rows: list[ir.Value | None], first: ir.Value, pieces: list[Piece], panels: Panels | None) -> None:
            Tile(self, {**at, self.c.lane: first}, rows, pieces, steps, panels).emit()

        end = self._row_end(row)
        if self._panels is None:
            self._split_lanes(
                lane, lambda first, pieces: self._split_rows(row, end, lambda rows: tiles(rows, first, pieces, None))
            )
            return
        top: list[ir.Value | None] = [self.plus(row, offset) for offset in range(self.shape.rows)]
        filled, read = (Panels(self._panels, lane, fills) for fills in (True, False))
        self._split_lanes(lane, lambda first, pieces: tiles(top, first, pieces, filled))
        step = self.constant(self.shape.cached_rows)

        def cached(start: ir.Value) -> None:
            stop = arith.minsi(arith.addi(start, step), end)
            self._split_lanes(
                lane, lambda first, pieces: self._split_rows(start, stop, lambda rows: tiles(rows, first, pieces, read))
            )

        self.loop(self.plus(row, self.shape.rows), end, step, cached)

    def _row_end(self, start: ir.Value) -> ir.Value:
        if self.c.row is None:
            return self.constant(1)
        return arith.minsi(arith.addi(start, self.constant(self.shape.row_block)), self.size(self.c.row))

    def _allocate_panels(self) -> ir.Value:
        """Memory for the panels of a block, of static size; each iteration of the nest has its own."""
        size, shape = self.c.sizes[self.c.reduced[0]], self.shape
        steps = shape.block if size is None else min(size, shape.block)
        sizes = [shape.lane_block // shape.lanes, -(-steps // self.group), shape.lanes * self.group]
        kind = ir.MemRefType.get(sizes, self.factor)
        alignment = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 64)
        return memref.alloc(kind, [], [], alignment=alignment)

    def _split_rows(self, start: ir.Value, end: ir.Value, body: Callable[[list[ir.Value | None]], None]) -> None:
        dim = self.c.row
        if dim is None:
            body([None])
            return
        size, rows = self.c.sizes[dim], self.shape.rows
        total = self.size(dim)

        def several(count: int) -> Callable[[ir.Value], None]:
            return lambda row: body([self.plus(row, offset) for offset in range(count)])

        if size is not None:
            main, rest = self.constant(size - size % rows), size % rows
            self.loop(start, arith.minsi(end, main), self.constant(rows), several(rows))
            if rest:
                self.loop(arith.maxsi(start, main), end, self.constant(rest), several(rest))
            return
        main = self._whole(start, end, rows)
        self.loop(start, main, self.constant(rows), several(rows))
        # One row that is left runs alone; two or three more make a tile that may repeat the last row.
        half = self.constant(_REST // 2)
        fours = arith.minsi(end, self._whole(main, arith.addi(end, half), _REST)) if rows > _REST else main
        last = arith.subi(total, self.constant(1))

        def clamped(row: ir.Value) -> None:
            body([arith.minsi(self.plus(row, offset), last) for offset in range(_REST)])

        if rows > _REST:
            self.loop(main, fours, self.constant(_REST), clamped)
        self.loop(fours, end, self.constant(1), several(1))

    def _split_lanes(self, start: ir.Value, body: Callable[[ir.Value, list[Piece]], None]) -> None:
        size, lanes, unit = self.c.sizes[self.c.lane], self.shape.lanes, self.shape.vector
        total = self.size(self.c.lane)
        end = arith.minsi(arith.addi(start, self.constant(self.shape.lane_block)), total)
        whole = [Piece(offset * unit, None) for offset in range(self.shape.pieces)]
        kind = ir.VectorType.get([unit], ir.IntegerType.get_signless(1))
        if size is not None:
            main, rest = self.constant(size - size % lanes), size % lanes
            self.loop(start, arith.minsi(end, main), self.constant(lanes), lambda lane: body(lane, whole))
            if rest:
                pieces = whole[: rest // unit]
                if rest % unit:
                    mask = self.mask(kind, self.constant(rest % unit))
                    pieces = [*pieces, Piece(rest - rest % unit, mask)]
                self.loop(arith.maxsi(start, main), end, self.constant(lanes), lambda lane: body(lane, pieces))
            return
        main = self._whole(start, end, lanes)
        self.loop(start, main, self.constant(lanes), lambda lane: body(lane, whole))

        def tail(lane: ir.Value) -> None:
            body(lane, [Piece(0, self.mask(kind, arith.subi(end, lane)))])

        self.loop(main, end, self.constant(unit), tail)

    def _whole(self, start: ir.Value, end: ir.Value, step: int) -> ir.Value:
        """Where the last whole ``step`` between ``start`` and ``end`` ends."""
        unit = self.constant(step)
        return arith.addi(start, arith.muli(arith.divui(arith.subi(end, start), unit), unit))

    def loop(self, lower: ir.Value, upper: ir.Value, step: ir.Value, body: Callable[[ir.Value], None]) -> None:
        """``scf.for`` that carries nothing."""
        loop = scf.ForOp(lower, upper, step)
        with ir.InsertionPoint(loop.body):
            body(loop.induction_variable)
            scf.yield_([])

    def plus(self, value: ir.Value, offset: int) -> ir.Value:
        """``value + offset``."""
        return arith.addi(value, self.constant(offset)) if offset else value

    def mask(self, kind: ir.Type, count: ir.Value) -> ir.Value:
        """A mask of the first ``count`` elements."""
        return vector.create_mask(kind, [count])

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
