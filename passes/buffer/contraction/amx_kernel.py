"""Products of bf16 and i8 through the tile registers of Intel's AMX.

Two by two accumulators meet two tiles of rows of the left operand and two of lanes of the right one. Rows and steps of
the left operand that do not fill tiles are filled in a copy of it with zeros. The right operand lies in groups of
steps, as it was packed or as each block of lanes copies it.
"""

from __future__ import annotations

from dataclasses import replace

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, vector

from stepwell.passes.buffer.contraction.amx import GROUPS, ROWS, blocking, tile_depth
from stepwell.passes.buffer.contraction.amx_tile import Fill, Sums, Tiles, ends_with
from stepwell.passes.buffer.contraction.epilogue import Epilogue
from stepwell.passes.buffer.contraction.kernel import ContractionKernel
from stepwell.passes.buffer.contraction.left import with_left_in_tiles
from stepwell.passes.buffer.contraction.numbers import zeros
from stepwell.passes.buffer.contraction.roles import Contraction
from stepwell.passes.buffer.contraction.tile import Indices, Panels, Piece, Steps


class AmxKernel(ContractionKernel):
    """Emits the loop nest in front of ``contraction.op``; the op itself is left to the caller to erase.

    Args:
        contraction: what to compute; its right operand not packed, or in groups that lie in one dimension.
        l2: bytes of the second-level cache of one core.
        zero: the result starts from zero instead of from what ``out`` holds.
        epilogue: what to do to the result; the nest then stands where the epilogue does.
    """

    def __init__(self, contraction: Contraction, l2: int, zero: bool, epilogue: Epilogue | None) -> None:
        shape = blocking(contraction, l2)
        kind = str(contraction.source)
        assert contraction.row is not None
        (self.inner,) = contraction.reduced
        self.row = contraction.row
        self.step = tile_depth(kind)
        if not _fills_tiles(contraction, self.row, self.step):
            contraction = with_left_in_tiles(contraction, self.row, ROWS, self.step)
        super().__init__(contraction, shape, zero, epilogue)
        self.group, self.factor = GROUPS[kind], contraction.source
        depth = contraction.sizes[self.inner]
        assert depth is not None
        self.depth = -(-depth // self.step) * self.step
        # All of one shape: a function has eight registers, and each keeps its shape.
        widths = {"factor": (contraction.source, self.step), "sum": (contraction.element, ROWS)}
        self.kinds = {
            name: ir.Type.parse(f"!x86.amx.tile<{ROWS}x{width}x{element}>") for name, (element, width) in widths.items()
        }

    def _blocks(self, at: Indices, lane: ir.Value, row: ir.Value) -> None:
        end = arith.minsi(arith.addi(row, self.constant(self.shape.row_block)), self._padded_rows())
        steps = Steps((), self.inner, self.constant(0), self.size(self.inner), None, None)
        if self._panels is not None:
            filled = Panels(self._panels, lane, True)
            self._split_lanes(
                lane, lambda at_, pieces: Fill(self, {**at, self.c.lane: at_}, [None], pieces, steps, filled).emit()
            )
        one = self.shape.block >= self.depth
        sizes = [self.shape.rows, self.shape.lanes] if one else [self.shape.cached_rows, self.shape.lane_block]
        sums = self._allocate(sizes, self.c.element)
        nothing = self._zeros()

        def cached(start: ir.Value) -> None:
            stop = arith.minsi(arith.addi(start, self.constant(self.shape.cached_rows)), end)
            if one:
                whole = replace(steps, end=self.constant(self.depth))
                self._block(at, lane, start, stop, whole, Sums(sums, nothing, None, None))
                return

            def part(first: ir.Value) -> None:
                last = arith.minsi(arith.addi(first, self.constant(self.shape.block)), self.constant(self.depth))
                starts, ends = (
                    arith.cmpi(arith.CmpIPredicate.eq, index, self.constant(bound))
                    for index, bound in ((first, 0), (last, self.depth))
                )
                here = Steps((), self.inner, first, last, starts, ends)
                self._block(at, lane, start, stop, here, Sums(sums, nothing, start, lane))

            self.loop(self.constant(0), self.constant(self.depth), self.constant(self.shape.block), part)

        self.loop(row, end, self.constant(self.shape.cached_rows), cached)

    def _block(self, at: Indices, lane: ir.Value, row: ir.Value, end: ir.Value, steps: Steps, sums: Sums) -> None:
        """Rows from ``row`` to ``end`` and all lanes of the block: a panel stays in the first cache for all rows."""
        panels = Panels(self._panels, lane, False) if self._panels is not None else None

        def tiles(first: ir.Value, pieces: list[Piece]) -> None:
            def several(high: int, start: ir.Value, stop: ir.Value) -> None:
                def body(index: ir.Value) -> None:
                    rows: list[ir.Value | None] = [self.plus(index, tile * ROWS) for tile in range(high)]
                    Tiles(self, {**at, self.c.lane: first}, rows, pieces, steps, panels, sums).emit()

                self.loop(start, stop, self.constant(high * ROWS), body)

            main = self._whole(row, end, self.shape.rows)
            several(self.shape.rows // ROWS, row, main)
            if self.shape.rows > ROWS:
                several(1, main, end)

        self._split_lanes(lane, tiles)

    def _zeros(self) -> ir.Value:
        """Zeros for the sums of all tiles that meet: LLVM would clear one register and copy it by way of memory."""
        buffer = self._allocate([self.shape.rows, self.shape.lanes], self.c.element)
        none = zeros(ir.VectorType.get([ROWS], self.c.element))

        def row(index: ir.Value) -> None:
            for offset in range(0, self.shape.lanes, ROWS):
                vector.store(none, buffer, [index, self.constant(offset)])

        self.loop(self.constant(0), self.constant(self.shape.rows), self.constant(1), row)
        return buffer

    def _padded_rows(self) -> ir.Value:
        """Where the last tile of rows ends."""
        count = self.c.sizes[self.row]
        if count is not None:
            return self.constant(-(-count // ROWS) * ROWS)
        unit = self.constant(ROWS)
        return arith.muli(arith.ceildivui(self.size(self.row), unit), unit)

    def _allocate_panels(self) -> ir.Value:
        lanes = self.shape.lanes
        return self._allocate(
            [self.shape.lane_block // lanes, self.depth // self.group, lanes * self.group], self.factor
        )

    def _allocate(self, sizes: list[int], element: ir.Type) -> ir.Value:
        alignment = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 64)
        return memref.alloc(ir.MemRefType.get(sizes, element), [], [], alignment=alignment)


def _fills_tiles(contraction: Contraction, row: int, steps: int) -> bool:
    """Whether the left operand can be loaded into tiles as it lies."""
    (inner,) = contraction.reduced
    count, depth = contraction.sizes[row], contraction.sizes[inner]
    whole = count is not None and count % ROWS == 0 and depth is not None and depth % steps == 0
    return whole and ends_with(contraction.left_map, row, inner)
