"""A convolution over an image with channels last, in blocks of tiles: transform, products, transform back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, scf, tensor, vector

from stepwell.passes.tensor.build import (
    Size,
    empty,
    extract_slice,
    index,
    insert_slice,
    loops,
    parallel_insert_slice,
    scalar,
    size_of,
)
from stepwell.passes.tensor.layout.rewrites import starts_at_zero
from stepwell.passes.tensor.products import multiply_add
from stepwell.passes.tensor.winograd.transforms import FILTER, RESULTS, TILE, transform_image, transform_result

_PLANES = TILE * TILE


@dataclass(frozen=True)
class Shape:
    """A 3x3 convolution of stride 1.

    Attributes:
        height, width: of the result.
        depth, channels: of the image and of the result, multiples of ``lanes``.
        lanes: elements of a vector.
        tile_rows: rows of tiles in a block.
        at_once: the products of all blocks together, or block by block.
        panel: channels of the result in a panel of the transformed filter.
    """

    height: int
    width: int
    depth: int
    channels: int
    lanes: int
    tile_rows: int
    at_once: bool
    panel: int

    @property
    def rows(self) -> int:
        """Tiles along the height, in whole blocks."""
        return -(-self.height // (RESULTS * self.tile_rows)) * self.tile_rows

    @property
    def columns(self) -> int:
        """Tiles along the width."""
        return -(-self.width // RESULTS)

    @property
    def block(self) -> int:
        """Tiles of a block."""
        return self.tile_rows * self.columns


def pack_filter(weight: ir.Value, shape: Shape) -> ir.Value:
    """[3, 3, C, F] -> [36, F/panel, C, panel]: for weights, made once."""
    element = ir.RankedTensorType(weight.type).element_type
    factors = [
        [ir.FloatAttr.get(element, row[i] * column[j]) for i in range(3) for j in range(3)]
        for row in FILTER
        for column in FILTER
    ]
    kind = ir.RankedTensorType.get([_PLANES, 3, 3], element)
    matrix = arith.constant(kind, ir.DenseElementsAttr.get([value for row in factors for value in row], kind))
    groups, panel = shape.channels // shape.panel, shape.panel
    target = linalg.fill(scalar(element, 0.0), outs=[empty([_PLANES, groups, shape.depth, panel], element)])
    plane, group, c, lane, i, j = (ir.AffineDimExpr.get(dim) for dim in range(6))
    indices = [[plane, i, j], [i, j, c, group * panel + lane], [plane, group, c, lane]]
    packed: ir.Value = multiply_add(matrix, weight, target, indices, "pppprr").results[0]
    return packed


def enlarge(image: ir.Value, shape: Shape) -> ir.Value:
    """``image`` [N, H + 2, W + 2, C] with zeros behind it, so that whole tiles cover it."""
    high, wide = RESULTS * shape.rows + 2, RESULTS * shape.columns + 2
    if (shape.height + 2, shape.width + 2) == (high, wide):
        return image
    batch, element = size_of(image, 0), ir.RankedTensorType(image.type).element_type
    source, offset = _padded(image)
    zeros = linalg.fill(scalar(element, 0.0), outs=[empty([batch, high, wide, shape.depth], element)])
    sizes = [batch, *ir.RankedTensorType(source.type).shape[1:]]
    return insert_slice(source, zeros, offset, sizes)


def convolve(image: ir.Value, factors: ir.Value, shape: Shape) -> ir.Value:
    """The result [N, 4 * rows, 4 * columns, F] for an image that whole tiles cover."""
    batch, element = size_of(image, 0), ir.RankedTensorType(image.type).element_type
    out = empty([batch, RESULTS * shape.rows, RESULTS * shape.columns, shape.channels], element)
    if shape.at_once:
        return _at_once(image, factors, out, shape)

    def block(at: Sequence[ir.Value], shared: ir.Value) -> tuple[ir.Value, list[Size], list[Size]]:
        scratch = empty([_PLANES, shape.block, shape.depth], element)
        tiles = _gather(_part(image, at, shape), scratch, shape)
        part, offsets, sizes = _target(shared, at, shape)
        return _scatter(_products(tiles, factors, shape), part, shape), offsets, sizes

    return _in_parallel(batch, shape, out, block)


def _at_once(image: ir.Value, factors: ir.Value, out: ir.Value, shape: Shape) -> ir.Value:
    """All tiles, then all products, so that each plane of the filter is read once."""
    batch, element = size_of(image, 0), ir.RankedTensorType(image.type).element_type
    count = shape.rows * shape.columns
    every: Size = batch * count if isinstance(batch, int) else arith.muli(batch, index(count))

    def slice_at(at: Sequence[ir.Value], depth: int) -> tuple[list[Size], list[Size]]:
        n, row = at
        first = arith.addi(arith.muli(n, index(count)), arith.muli(row, index(shape.columns)))
        return [0, first, 0], [_PLANES, shape.block, depth]

    def gather(at: Sequence[ir.Value], shared: ir.Value) -> tuple[ir.Value, list[Size], list[Size]]:
        offsets, sizes = slice_at(at, shape.depth)
        part = extract_slice(shared, offsets, sizes, range(3))
        return _gather(_part(image, at, shape), part, shape), offsets, sizes

    tiles = _in_parallel(batch, shape, empty([_PLANES, every, shape.depth], element), gather)
    products = _products(tiles, factors, shape)

    def scatter(at: Sequence[ir.Value], shared: ir.Value) -> tuple[ir.Value, list[Size], list[Size]]:
        sums = extract_slice(products, *slice_at(at, shape.channels), range(3))
        part, offsets, sizes = _target(shared, at, shape)
        return _scatter(sums, part, shape), offsets, sizes

    return _in_parallel(batch, shape, out, scatter)


def _in_parallel(
    batch: Size,
    shape: Shape,
    out: ir.Value,
    body: Callable[[Sequence[ir.Value], ir.Value], tuple[ir.Value, list[Size], list[Size]]],
) -> ir.Value:
    """``out`` with the slices (values, offsets, sizes) that ``body`` gives for each image and block of tile rows."""
    made = scf.ForallOp([0, 0], [batch, shape.rows], [1, shape.tile_rows], [out])
    *at, shared = made.body.arguments
    with ir.InsertionPoint(made.body):
        result, offsets, sizes = body(at, shared)
        end = scf.InParallelOp()
        with ir.InsertionPoint(end.block):
            parallel_insert_slice(result, shared, offsets, sizes)
    return made.results[0]


def _part(image: ir.Value, at: Sequence[ir.Value], shape: Shape) -> ir.Value:
    """What a block of tile rows reads of the image."""
    n, row = at
    height, width = RESULTS * shape.tile_rows + 2, RESULTS * shape.columns + 2
    return extract_slice(image, [n, arith.muli(row, index(RESULTS)), 0, 0], [1, height, width, shape.depth], [1, 2, 3])


def _target(shared: ir.Value, at: Sequence[ir.Value], shape: Shape) -> tuple[ir.Value, list[Size], list[Size]]:
    """Where a block's results go, and its offsets and sizes."""
    n, row = at
    offsets: list[Size] = [n, arith.muli(row, index(RESULTS)), 0, 0]
    sizes: list[Size] = [1, RESULTS * shape.tile_rows, RESULTS * shape.columns, shape.channels]
    return extract_slice(shared, offsets, sizes, [1, 2, 3]), offsets, sizes


def _gather(image: ir.Value, into: ir.Value, shape: Shape) -> ir.Value:
    """The transformed tiles [36, tiles, C] of a block."""

    def tile(at: list[ir.Value], carried: Sequence[ir.Value]) -> list[ir.Value]:
        y, x, number, c = _place(at, shape)
        elements = [
            [_read(image, [_offset(y, i), _offset(x, j), c], shape.lanes) for j in range(TILE)] for i in range(TILE)
        ]
        result = carried[0]
        for i, row in enumerate(transform_image(elements)):
            for j, value in enumerate(row):
                result = _write(value, result, [index(TILE * i + j), number, c])
        return [result]

    (result,) = loops([shape.tile_rows, shape.columns, shape.depth // shape.lanes], [into], tile)
    return result


def _scatter(products: ir.Value, into: ir.Value, shape: Shape) -> ir.Value:
    """The results [4 * tile rows, 4 * columns, F] of a block's products."""

    def tile(at: list[ir.Value], carried: Sequence[ir.Value]) -> list[ir.Value]:
        y, x, number, c = _place(at, shape)
        sums = [
            [_read(products, [index(TILE * i + j), number, c], shape.lanes) for j in range(TILE)] for i in range(TILE)
        ]
        result = carried[0]
        for i, row in enumerate(transform_result(sums)):
            for j, value in enumerate(row):
                result = _write(value, result, [_offset(y, i), _offset(x, j), c])
        return [result]

    (result,) = loops([shape.tile_rows, shape.columns, shape.channels // shape.lanes], [into], tile)
    return result


def _place(at: Sequence[ir.Value], shape: Shape) -> tuple[ir.Value, ir.Value, ir.Value, ir.Value]:
    """For a row and column of tiles and a vector of channels: row and column of results, tile, first channel."""
    row, column, step = at
    y, x = (arith.muli(tile, index(RESULTS)) for tile in (row, column))
    number = arith.addi(arith.muli(row, index(shape.columns)), column)
    return y, x, number, arith.muli(step, index(shape.lanes))


def _products(tiles: ir.Value, factors: ir.Value, shape: Shape) -> ir.Value:
    """``out[plane, tile, f] = sum over c of tiles[plane, tile, c] * factors[plane, f / panel, c, f % panel]``."""
    element = ir.RankedTensorType(tiles.type).element_type
    target = linalg.fill(scalar(element, 0.0), outs=[empty([_PLANES, size_of(tiles, 1), shape.channels], element)])
    plane, tile, f, c = (ir.AffineDimExpr.get(dim) for dim in range(4))
    group, lane = ir.AffineExpr.get_floor_div(f, shape.panel), ir.AffineExpr.get_mod(f, shape.panel)
    indices = [[plane, tile, c], [plane, group, c, lane], [plane, tile, f]]
    products: ir.Value = multiply_add(tiles, factors, target, indices, "pppr").results[0]
    return products


def _padded(image: ir.Value) -> tuple[ir.Value, list[Size]]:
    """What ``image`` is with zeros around it, and where in it that lies."""
    owner = image.owner
    if not isinstance(owner, ir.Block) and isinstance(owner.operation.opview, tensor.InsertSliceOp):
        inserted = owner.operation.opview
        offsets = list(ir.DenseI64ArrayAttr(inserted.attributes["static_offsets"]))
        strides = list(ir.DenseI64ArrayAttr(inserted.attributes["static_strides"]))
        rank = ir.RankedTensorType(inserted.source.type).rank
        if starts_at_zero(inserted.dest) and rank == 4 and all(stride == 1 for stride in strides) and min(offsets) >= 0:
            return inserted.source, [int(offset) for offset in offsets]
    return image, [0] * 4


def _offset(base: ir.Value, step: int) -> ir.Value:
    return arith.addi(base, index(step)) if step else base


def _read(source: ir.Value, at: Sequence[ir.Value], lanes: int) -> ir.Value:
    kind = ir.RankedTensorType(source.type)
    padding = scalar(kind.element_type, 0.0)
    made = vector.TransferReadOp(
        ir.VectorType.get([lanes], kind.element_type), source, list(at), _last(kind.rank), padding, _inside()
    )
    return made.result


def _write(value: ir.Value, into: ir.Value, at: Sequence[ir.Value]) -> ir.Value:
    rank = ir.RankedTensorType(into.type).rank
    return vector.TransferWriteOp(into.type, value, into, list(at), _last(rank), _inside()).result


def _last(rank: int) -> ir.AffineMapAttr:
    return ir.AffineMapAttr.get(ir.AffineMap.get(rank, 0, [ir.AffineDimExpr.get(rank - 1)]))


def _inside() -> ir.ArrayAttr:
    return ir.ArrayAttr.get([ir.BoolAttr.get(True)])
