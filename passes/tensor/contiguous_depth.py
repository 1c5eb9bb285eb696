"""contiguous-depth: weights of products lie with the depth contiguous, as tensor cores want them in some types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import arguments, entries
from stepwell.passes.tensor.build import empty, sizes_of
from stepwell.passes.tensor.products import is_plain_product
from stepwell.passes.tensor.weight_only import WeightOnly
from stepwell.support.dtypes import byte_size

_PRODUCTS = frozenset({"linalg.matmul", "linalg.batch_matmul"})
_CONVOLUTION = "linalg.conv_2d_nhwc_hwcf"

_CHUNK = 16
"""Bytes that the copy engine takes pixels in whole multiples of."""


@dataclass
class ContiguousDepth(Pass):
    """Have products read their right matrix transposed where it is made of weights alone.

    The transposition becomes work on weights, and cancels that of a linear layer. Filters of ``conv_2d_nhwc_hwcf`` are
    such matrices where the pixels of their images are whole 16 bytes.

    Options:
        types: the element types of such matrices.
        always: element types whose matrices are read so whatever they are made of.
        filters: whether those of convolutions are among them, and what ``convolutions-to-products`` makes of these.
    """

    name: ClassVar[str] = "contiguous-depth"
    summary: ClassVar[str] = "products read weights with the depth contiguous"
    anchor: ClassVar[str] = "builtin.module"

    types: tuple[str, ...] = ("i8",)
    always: tuple[str, ...] = ()
    filters: bool = False

    def run(self, op: ir.Operation, context: PassContext) -> None:
        count = 0
        for entry in entries(op):
            block = entry.regions[0].blocks[0]
            weights = WeightOnly(block, arguments(entry))
            for product in weights.operations:
                turn = self._turn(product, weights)
                if turn is not None:
                    turn(product)
                    count += 1
        context.note(self.name, weights=count)

    def _turn(self, op: ir.Operation, weights: WeightOnly) -> Callable[[ir.Operation], None] | None:
        """What has ``op`` read its right matrix transposed; None where that is none of ours."""
        if op.name in _PRODUCTS and is_plain_product(op):
            return _transpose_right if self._takes(op.operands[1], weights) else None
        if self.filters and _is_pixels(op):
            return _transpose_right if self._takes(op.operands[1], weights) else None
        return _transpose_filter if self._takes_filter(op) and self._takes(op.operands[1], weights) else None

    def _takes(self, right: ir.Value, weights: WeightOnly) -> bool:
        element = str(ir.RankedTensorType(right.type).element_type)
        return element in self.always or (element in self.types and right in weights.sources)

    def _takes_filter(self, op: ir.Operation) -> bool:
        if not self.filters or op.name != _CONVOLUTION:
            return False
        kind = ir.RankedTensorType(op.operands[1].type)
        element = str(kind.element_type)
        if element not in self.types or kind.is_dynamic_dim(2):
            return False
        return bool(kind.shape[2] * byte_size(element) % _CHUNK == 0)


def _is_pixels(op: ir.Operation) -> bool:
    """Whether ``op`` is what ``convolutions-to-products`` makes of a window of one pixel."""
    if op.name != "linalg.contract":
        return False
    left, right, _ = (list(ir.AffineMapAttr(attribute).value.results) for attribute in linalg.get_indexing_maps(op))
    return bool(len(left) == 4 and len(right) == 2 and left[-1] == right[0])


def _transpose_right(product: ir.Operation) -> None:
    with ir.InsertionPoint(product), product.location:
        product.operands[1] = _transposed(product.operands[1])
        left, right, result = (ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(product))
        *batch, depth, column = right.results
        turned = ir.AffineMap.get(right.n_dims, 0, [*batch, column, depth])
        product.attributes["indexing_maps"] = ir.ArrayAttr.get(
            [ir.AffineMapAttr.get(map_) for map_ in (left, turned, result)]
        )


def _transpose_filter(convolution: ir.Operation) -> None:
    """Exchange the convolution for one whose filter has its results first and channels last."""
    image, filter_, start = convolution.operands
    kind = ir.RankedTensorType(filter_.type)
    order = [3, 0, 1, 2]
    sizes = sizes_of(filter_)
    with ir.InsertionPoint(convolution), convolution.location:
        target = empty([sizes[axis] for axis in order], kind.element_type)
        turned = linalg.transpose(filter_, outs=[target], permutation=order).results[0]
        window = {name: convolution.attributes[name] for name in ("strides", "dilations")}
        made = linalg.conv_2d_nhwc_fhwc(image, turned, outs=[start], **window)
    convolution.results[0].replace_all_uses_with(made)
    convolution.erase()


def _transposed(right: ir.Value) -> ir.Value:
    """``right`` with its last two dimensions exchanged."""
    kind = ir.RankedTensorType(right.type)
    order = list(range(kind.rank))
    order[-2:] = order[:-3:-1]
    owner = right.owner
    if not isinstance(owner, ir.Block) and owner.operation.name == "linalg.transpose":
        before = owner.operation
        if list(ir.DenseI64ArrayAttr(before.attributes["permutation"])) == order:
            return before.operands[0]
    sizes = sizes_of(right)
    start = empty([sizes[axis] for axis in order], kind.element_type)
    made: ir.Value = linalg.transpose(right, outs=[start], permutation=order).results[0]
    return made
