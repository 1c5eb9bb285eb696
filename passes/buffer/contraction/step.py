"""One step of a tile's reduction, or one group of steps where an instruction takes several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, vector

from stepwell.passes.buffer.contraction.ahead import ask_ahead
from stepwell.passes.buffer.contraction.dot import Dot, interleave
from stepwell.passes.buffer.contraction.numbers import extend, multiply_add

if TYPE_CHECKING:
    from stepwell.passes.buffer.contraction.tile import Indices, Piece, Tile, Values


def take_step(tile: Tile, at: Indices, values: Values, end: ir.Value | None = None) -> Values:
    """The accumulators ``values`` and the products at ``at``; steps of a group behind ``end`` count nothing."""
    ask_ahead(tile, at)
    dot = tile.k.dot
    rights = [right_in_groups(tile, piece, at, end) for piece in tile.pieces]
    if dot is None:
        stepped: Values = []
        for row in tile.rows:
            spread = _spread(tile, row, at)
            stepped += [multiply_add(spread, right, values[len(stepped) + i]) for i, right in enumerate(rights)]
        return stepped
    lefts = [_spread_group(tile, dot, row, at) for row in tile.rows]
    if dot.shifted:
        kind = ir.VectorType(rights[0].type)
        number = ir.IntegerAttr.get(kind.element_type, -128)
        lefts.append(arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, number)))
    pairs = [(left, right) for left in lefts for right in rights]
    return [dot.add(value, *pair) for value, pair in zip(values, pairs, strict=True)]


def _spread(tile: Tile, row: ir.Value | None, at: Indices) -> ir.Value:
    """The left operand's number, the same in all lanes."""
    scalar = memref.load(tile.c.left, tile.indices(tile.c.left_map, row, None, at))
    return vector.broadcast(tile.kind, extend(scalar, tile.c.element))


def _spread_group(tile: Tile, dot: Dot, row: ir.Value | None, at: Indices) -> ir.Value:
    """The left operand's numbers of a group of steps, the same in all lanes."""
    kind = ir.VectorType.get([dot.group], dot.element)
    loaded = vector.load(kind, tile.c.left, tile.indices(tile.c.left_map, row, None, at))
    word = ir.IntegerType.get_signless(32)
    number = vector.extract(vector.bitcast(ir.VectorType.get([1], word), loaded), [], [0])
    return vector.bitcast(_kind(tile), vector.broadcast(tile.vector_of(word), number))


def _kind(tile: Tile) -> ir.VectorType:
    """The type of what is multiplied at once."""
    return ir.VectorType.get([tile.k.shape.vector * tile.k.group], tile.k.factor)


def right_in_groups(tile: Tile, piece: Piece, at: Indices, end: ir.Value | None) -> ir.Value:
    """The right operand's part in a step, lane by lane, from memory or its copy; copied where the tile fills that."""
    panels, k = tile.panels, tile.k
    if panels is None:
        return _loaded(tile, piece, at, end)
    assert tile.steps.inner is not None
    place = arith.divui(arith.subi(at[tile.c.lane], panels.lane), k.constant(k.shape.lanes))
    step = arith.subi(at[tile.steps.inner], tile.steps.start)
    if k.group > 1:
        step = arith.divui(step, k.constant(k.group))
    copy = [place, step, k.constant(piece.offset * k.group)]
    if not panels.fills:
        return vector.load(_kind(tile), panels.buffer, copy)
    value = _loaded(tile, piece, at, end)
    vector.store(value, panels.buffer, copy)
    return value


def _loaded(tile: Tile, piece: Piece, at: Indices, end: ir.Value | None) -> ir.Value:
    c, k = tile.c, tile.k
    if c.group > 1:  # the groups lie side by side, padded to whole ones
        kind = ir.VectorType.get([k.shape.vector * k.group], c.source)
        return extend(vector.load(kind, c.right, tile.indices(c.right_map, None, piece, at)), k.factor)
    rows = [_row(tile, piece, at, offset, end) for offset in range(k.group)]
    return extend(interleave(rows), k.factor)


def _row(tile: Tile, piece: Piece, at: Indices, offset: int, end: ir.Value | None) -> ir.Value:
    """The right operand's vector ``offset`` steps behind ``at``, zero where that is not before ``end``."""
    mask = None if tile.c.panel else piece.mask  # panels are padded
    if offset:
        (inner,) = tile.c.reduced
        behind = tile.k.plus(at[inner], offset)
        if end is not None:
            valid = arith.cmpi(arith.CmpIPredicate.ult, behind, end)
            lanes = vector.broadcast(tile.vector_of(valid.type), valid)
            mask = lanes if mask is None else arith.andi(mask, lanes)
            behind = arith.select(valid, behind, at[inner])
        at = {**at, inner: behind}
    kind = tile.vector_of(tile.c.source)
    return tile.load(tile.c.right, tile.indices(tile.c.right_map, None, piece, at), mask, kind)
