"""winograd-convolutions: 3x3 convolutions with a quarter of the multiplications."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import arguments, entries
from stepwell.passes.tensor.build import extract_slice, size_of
from stepwell.passes.tensor.layout.rewrites import starts_at_zero
from stepwell.passes.tensor.weight_only import WeightOnly
from stepwell.passes.tensor.winograd.build import Shape, convolve, enlarge, pack_filter
from stepwell.passes.tensor.winograd.transforms import RESULTS, TILE

#: Bytes that memory and a cache beyond the first bring in the time of one vector operation, on two server cores.
_FROM_MEMORY = 2.0
_FROM_CACHE = 4.0
#: Vector operations (loads, stores and arithmetic in pairs) to transform a tile, and to transform its products.
_TRANSFORM = (100, 90)
#: Tiles of a block that make its products worth their while, and blocks that occupy a few threads.
_LEAST_TILES = 8
_BLOCKS = 2


@dataclass
class WinogradConvolutions(Pass):
    """Rewrite 3x3 convolutions of stride 1 over f32 images with channels last by F(4x4, 3x3), where that is cheaper.

    An image is cut into tiles of 6x6 that overlap by two and give 4x4 results each. 36 products take the place of 36
    times 4 multiplications; sums of differences round more (about ten times the error of adding up directly) and an
    infinity in a tile makes NaN of its 16 results, so that only ``fp=fast`` takes this pass. The filter is transformed
    ahead of time and takes four times the memory.

    Options:
        vector_bits: the width of a vector register.
        l2: bytes of the second-level cache; a block of tiles and their products take three quarters.
    """

    name: ClassVar[str] = "winograd-convolutions"
    summary: ClassVar[str] = "3x3 convolutions with a quarter of the multiplications"
    anchor: ClassVar[str] = "builtin.module"

    vector_bits: int = 512
    l2: int = 1048576

    def run(self, op: ir.Operation, context: PassContext) -> None:
        done = 0
        for entry in entries(op):
            weights = WeightOnly(entry.operation.regions[0].blocks[0], arguments(entry))
            for candidate in weights.operations:
                shape = self._shape(candidate, weights)
                if shape is not None:
                    _rewrite(candidate, shape)
                    done += 1
        context.note(self.name, rewritten=done)

    def _shape(self, op: ir.Operation, weights: WeightOnly) -> Shape | None:
        """The blocks to compute ``op`` in, or None where it is left alone."""
        if op.name != "linalg.conv_2d_nhwc_hwcf" or op.operands[1] not in weights.sources:
            return None
        image, weight, out = (ir.RankedTensorType(value.type) for value in op.operands)
        lanes = self.vector_bits // 32
        ones = all(set(ir.DenseIntElementsAttr(op.attributes[name])) == {1} for name in ("strides", "dilations"))
        *window, depth, channels = weight.shape
        if not (ones and window == [3, 3] and str(weight.element_type) == str(image.element_type) == "f32"):
            return None
        if (
            depth % lanes
            or channels % lanes
            or any(out.is_dynamic_dim(dim) for dim in (1, 2))
            or not starts_at_zero(op.operands[2])
        ):
            return None
        height, width = out.shape[1], out.shape[2]
        panel = 2 * lanes if channels % (2 * lanes) == 0 else lanes
        rows = -(-height // RESULTS)
        ways = [(1, True), *((count, False) for count in range(1, -(-rows // _BLOCKS) + 1))]
        shapes = [Shape(height, width, depth, channels, lanes, *way, panel) for way in ways]
        best = min(shapes, key=self._cost)
        return best if self._cost(best) < 9 * height * width * depth * channels / lanes else None

    def _cost(self, shape: Shape) -> float:
        """Vector operations for one image, and the time of so many that memory takes."""
        tiles, pairs = shape.rows * shape.columns, shape.depth * shape.channels
        together = tiles if shape.at_once else shape.block
        scratch = TILE * TILE * together * (shape.depth + shape.channels) * 4
        if together < _LEAST_TILES:
            return math.inf
        products = TILE * TILE * tiles * pairs / shape.lanes
        transforms = tiles * (_TRANSFORM[0] * shape.depth + _TRANSFORM[1] * shape.channels) / shape.lanes
        passes = 1 / _FROM_MEMORY + (tiles // together - 1) / _FROM_CACHE
        spilled = 2 * scratch * (tiles / together) / _FROM_CACHE if scratch > self.l2 * 3 // 4 else 0
        return max(products, TILE * TILE * pairs * 4 * passes) + transforms + spilled


def _rewrite(op: ir.Operation, shape: Shape) -> None:
    image, weight, _ = op.operands
    with ir.InsertionPoint(op), op.location:
        result = convolve(enlarge(image, shape), pack_filter(weight, shape), shape)
        if list(ir.RankedTensorType(result.type).shape) != list(ir.RankedTensorType(op.results[0].type).shape):
            sizes = [size_of(image, 0), shape.height, shape.width, shape.channels]
            result = extract_slice(result, [0] * 4, sizes, range(4))
    op.results[0].replace_all_uses_with(result)
    op.erase()
