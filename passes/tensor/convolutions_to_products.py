"""convolutions-to-products: windows of one pixel over images with channels last are matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.build import reassociation
from stepwell.passes.tensor.layout.rewrites import window_of
from stepwell.support.walk import operations

_CONVOLUTION = "linalg.conv_2d_nhwc_hwcf"


@dataclass
class ConvolutionsToProducts(Pass):
    """Rewrite ``conv_2d_nhwc_hwcf`` with a window of one pixel and no stride as ``linalg.contract``.

    Its rows are all pixels of all images, its columns the output channels.
    """

    name: ClassVar[str] = "convolutions-to-products"
    summary: ClassVar[str] = "convolutions with a window of one pixel as matrix products"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [candidate for candidate in operations(op) if _is_pointwise(candidate)]
        for convolution in found:
            with ir.InsertionPoint(convolution), convolution.location:
                convolution.results[0].replace_all_uses_with(_product(convolution))
            convolution.erase()
        context.note(self.name, products=len(found))


def _is_pointwise(op: ir.Operation) -> bool:
    if op.name != _CONVOLUTION or set(window_of(op)["strides"]) != {1}:
        return False
    return list(ir.RankedTensorType(op.operands[1].type).shape[:2]) == [1, 1]


def _product(op: ir.Operation) -> ir.Value:
    image, weights, init = op.operands
    kind = ir.RankedTensorType(weights.type)
    matrix = ir.RankedTensorType.get(kind.shape[2:], kind.element_type)
    flat = tensor.CollapseShapeOp(matrix, weights, reassociation([[0, 1, 2], [3]])).result
    n, y, x, f, c = (ir.AffineDimExpr.get(dim) for dim in range(5))
    maps = [ir.AffineMap.get(5, 0, dims) for dims in ([n, y, x, c], [c, f], [n, y, x, f])]
    result: ir.Value = linalg.contract(image, flat, outs=[init], indexing_maps=maps)
    return result
