"""contiguous-depth: weights of products lie with the depth contiguous, as tensor cores want them in some types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import arguments, entries
from stepwell.passes.tensor.build import empty, sizes_of
from stepwell.passes.tensor.products import is_plain_product
from stepwell.passes.tensor.weight_only import WeightOnly

_PRODUCTS = frozenset({"linalg.matmul", "linalg.batch_matmul"})


@dataclass
class ContiguousDepth(Pass):
    """Have products read their right matrix transposed where it is made of weights alone.

    The transposition becomes work on weights, and cancels that of a linear layer.

    Options:
        types: the element types of such matrices.
        always: element types whose matrices are read so whatever they are made of.
    """

    name: ClassVar[str] = "contiguous-depth"
    summary: ClassVar[str] = "products read weights with the depth contiguous"
    anchor: ClassVar[str] = "builtin.module"

    types: tuple[str, ...] = ("i8",)
    always: tuple[str, ...] = ()

    def run(self, op: ir.Operation, context: PassContext) -> None:
        count = 0
        for entry in entries(op):
            block = entry.regions[0].blocks[0]
            weights = WeightOnly(block, arguments(entry))
            for product in weights.operations:
                if _is_plain(product) and self._takes(product.operands[1], weights):
                    _transpose_right(product)
                    count += 1
        context.note(self.name, weights=count)

    def _takes(self, right: ir.Value, weights: WeightOnly) -> bool:
        element = str(ir.RankedTensorType(right.type).element_type)
        return element in self.always or (element in self.types and right in weights.sources)


def _is_plain(op: ir.Operation) -> bool:
    return op.name in _PRODUCTS and is_plain_product(op)


def _transpose_right(product: ir.Operation) -> None:
    right = product.operands[1]
    with ir.InsertionPoint(product), product.location:
        product.operands[1] = _transposed(right)
        left, _, result = (ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(product))
        batch = [0] if product.name == "linalg.batch_matmul" else []
        n, k = len(batch) + 1, len(batch) + 2
        map_ = ir.AffineMap.get(left.n_dims, 0, [ir.AffineDimExpr.get(dim) for dim in (*batch, n, k)])
        maps = [ir.AffineMapAttr.get(each) for each in (left, map_, result)]
        product.attributes["indexing_maps"] = ir.ArrayAttr.get(maps)


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
