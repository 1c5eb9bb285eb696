"""matmul-to-matvec: products with a single column as products with a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.build import reassociation, sizes_of
from stepwell.passes.tensor.products import is_plain_product, multiply_add
from stepwell.support.walk import named


@dataclass
class MatmulToMatvec(Pass):
    """Drop the dimension of a matrix product whose right operand has one column.

    What is left sums along the rows of the left operand, which lie in memory as a vector is loaded; columns would fill
    one lane of it.

    Options:
        least: the shortest row that is worth it, about a vector.
    """

    name: ClassVar[str] = "matmul-to-matvec"
    summary: ClassVar[str] = "products with a single column as products with a vector"

    least: int = 16

    def run(self, op: ir.Operation, context: PassContext) -> None:
        made = 0
        for product in named(op, "linalg.matmul", "linalg.batch_matmul"):
            if self._is_column(product):
                _replace(product)
                made += 1
        context.note(self.name, products=made)

    def _is_column(self, product: ir.Operation) -> bool:
        left, right, out = (ir.RankedTensorType(value.type) for value in product.operands)
        if out.is_dynamic_dim(out.rank - 1) or out.shape[-1] != 1 or not is_plain_product(product):
            return False
        elements = {kind.element_type for kind in (left, right, out)}
        if len(elements) > 1 or not isinstance(out.element_type, ir.FloatType):
            return False
        return bool(left.is_dynamic_dim(left.rank - 1) or left.shape[-1] >= self.least)


def _replace(product: ir.Operation) -> None:
    left, right, out = product.operands
    kind = ir.RankedTensorType(out.type)
    dims = [ir.AffineDimExpr.get(dim) for dim in range(kind.rank)]  # those of the batch, the row, the step
    groups = reassociation([*([axis] for axis in range(kind.rank - 2)), [kind.rank - 2, kind.rank - 1]])
    with ir.InsertionPoint(product), product.location:
        vector, sums = (_without_column(value, groups) for value in (right, out))
        indices = [dims, [*dims[:-2], dims[-1]], dims[:-1]]
        made = multiply_add(left, vector, sums, indices, "p" * (kind.rank - 1) + "r").results[0]
        dynamic = [size for size in sizes_of(out) if isinstance(size, ir.Value)]
        result = tensor.ExpandShapeOp(kind, made, groups, dynamic, list(kind.shape)).result
    product.results[0].replace_all_uses_with(result)
    product.erase()


def _without_column(value: ir.Value, groups: ir.ArrayAttr) -> ir.Value:
    kind = ir.RankedTensorType(value.type)
    made: ir.Value = tensor.CollapseShapeOp(
        ir.RankedTensorType.get(kind.shape[:-1], kind.element_type), value, groups
    ).result
    return made
