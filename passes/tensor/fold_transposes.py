"""fold-transposes: products read matrices as they lie, instead of transposed copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.kernels.contraction import match_contraction, planes_of_rows
from stepwell.support.walk import operations

_BYTE = 8


@dataclass
class FoldTransposes(Pass):
    """Rewrite ``linalg.generic`` products whose operand is a transposition of its last two dimensions.

    A product of bytes keeps the one that lays its depth contiguous: tensor cores take those so only.
    """

    name: ClassVar[str] = "fold-transposes"
    summary: ClassVar[str] = "products read matrices as they lie, instead of transposed copies"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        generics = [candidate for candidate in operations(op) if candidate.name == "linalg.generic"]
        folded = sum(_fold(generic, place) for generic in generics for place in range(2))
        context.note(self.name, folded=folded)


def _fold(product: ir.Operation, place: int) -> bool:
    """Whether the operand at ``place`` was a transposed one that is read as it lies now."""
    found = match_contraction(product)
    if found is None:
        return False
    operand = product.operands[place]
    order = _permutation(operand)
    if order is None:
        return False
    axes = list(found.maps)
    role = 0 if place == found.left else 1
    axes[role] = tuple(found.maps[role][axis] for axis in order)
    if ir.RankedTensorType(operand.type).element_type.width <= _BYTE and axes[role][-1] not in found.depth:
        return False
    if not planes_of_rows(replace(found, maps=(axes[0], axes[1], axes[2]))):
        return False
    maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(product)]
    maps[place] = ir.AffineMap.get(maps[place].n_dims, 0, [ir.AffineDimExpr.get(dim) for dim in axes[role]])
    product.attributes["indexing_maps"] = ir.ArrayAttr.get([ir.AffineMapAttr.get(map_) for map_ in maps])
    product.operands[place] = operand.owner.operation.operands[0]
    return True


def _permutation(value: ir.Value) -> Sequence[int] | None:
    """Of a transposition: which dimension of ``value`` each one of its source is; None where it is something else."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "linalg.generic":
        return None
    op = owner.operation
    block = op.regions[0].blocks[0]
    end = block.operations[0].operation
    if len(op.operands) != 2 or end.name != "linalg.yield" or end.operands[0] != block.arguments[0]:
        return None
    source, result = (ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op))
    if result != ir.AffineMap.get_identity(result.n_dims) or not source.is_permutation:
        return None
    return [ir.AffineDimExpr(expression).position for expression in source.results]
