"""What a tile asks for ahead of its use, so that memory works while the tile computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

from stepwell.passes.buffer.prefetch import CACHE_LINE, MOST_TILES, ROWS_AHEAD

if TYPE_CHECKING:
    from stepwell.passes.buffer.contraction.tile import Indices, Tile


def ask_ahead(tile: Tile, at: Indices) -> None:
    """Ask for the right operand's vectors of some steps ahead of ``at``; beyond a panel's end these are the next's."""
    inner, ahead = tile.steps.inner, tile.k.shape.ahead
    if tile.panels is not None and tile.panels.fills:
        ahead = ROWS_AHEAD
    if inner is not None and ahead:
        _ask(tile, {**at, inner: tile.k.plus(at[inner], ahead)}, locality=3)


def ask_for_next(tile: Tile, inner: int, index: ir.Value) -> None:
    """Ask for a part of what the next lanes read, into L2: each row tile its share, so that memory never rests."""
    c, k, shape, row = tile.c, tile.k, tile.k.shape, tile.rows[0]
    size = c.sizes[c.row] if c.row is not None else None
    if not shape.ahead or size is None or row is None or not shape.rows < size <= shape.row_block:
        return
    if -(-size // shape.rows) > MOST_TILES:
        return
    length = c.sizes[inner]
    block = min(shape.block, length) if length is not None else shape.block
    done = arith.addi(
        arith.muli(row, k.constant(block)),
        arith.muli(arith.subi(index, tile.steps.start), k.constant(shape.rows)),
    )
    position = arith.addi(tile.steps.start, arith.divui(done, k.constant(size)))
    lane = k.plus(tile.at[c.lane], shape.lanes)
    # One more than its share: where each line was asked for once only, 11 GB/s came in place of 15.
    for step in range(0, -(-shape.depth * k.group * shape.rows // size) + c.group, c.group):
        _ask(tile, {**tile.at, c.lane: lane, inner: k.plus(position, step)}, locality=2)


def _ask(tile: Tile, at: Indices, locality: int) -> None:
    line = max(1, CACHE_LINE * 8 // (tile.c.source_bits * tile.c.group))
    for piece in tile.pieces:
        if piece.offset % line == 0:
            indices = tile.indices(tile.c.right_map, None, piece, at)
            memref.prefetch(tile.c.right, indices, False, locality, True)
