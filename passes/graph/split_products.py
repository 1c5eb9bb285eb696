"""split-products: a product that is read in slices becomes a product for each, with that part of its weight."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.slices import Part, is_carried, part_before, slice_of, take, with_part
from stepwell.passes.graph.torch_build import TensorInfo, build, tensor_info
from stepwell.passes.graph.unused import erase_unused
from stepwell.passes.graph.weights import Weights
from stepwell.support.walk import named


@dataclass
class SplitProducts(Pass):
    """Split the weight instead of the result where slices of a product's columns are all that is read of it.

    So queries, keys and values, which ``torch.nn.MultiheadAttention`` computes in one product, are computed in three,
    and nothing has to take a stream apart. Between the product and a slice there may be views, permutations, sums
    and products with weights, and functions of single elements: each slice gets its part of them. Columns that
    nobody reads are not computed any more. Left alone: a product that somebody reads as a whole, slices that
    overlap, slices of rows.
    """

    name: ClassVar[str] = "split-products"
    summary: ClassVar[str] = "products that are read in slices become several, each with a part of the weight"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        weights = Weights()
        split = sum(_split(product, weights) for product in named(op, "torch.aten.mm"))
        erase_unused(op)
        context.note(self.name, split=split)


@dataclass(frozen=True)
class _Reader:
    """A slice: the operations between the product and it, the last one first, and the columns that it reads."""

    op: ir.Operation
    path: tuple[tuple[ir.Operation, Part], ...]
    columns: Part


def _split(product: ir.Operation, weights: Weights) -> bool:
    info = tensor_info(product.result)
    if info is None or not info.is_static() or not weights.is_fixed(product.operands[1]):
        return False
    slices = _slices(product, weights)
    readers = [_reader(op, product) for op in slices or ()]
    found = [reader for reader in readers if reader is not None and reader.columns.axis == 1]
    if not found or len(found) < len(readers):
        return False
    parts = sorted({reader.columns for reader in found}, key=lambda part: part.start)
    if any(right.start < left.stop for left, right in pairwise(parts)):
        return False
    with ir.InsertionPoint(product), product.location:
        made = {part: _columns(product, info, part) for part in parts}
    for reader in found:
        value = made[reader.columns]
        with ir.InsertionPoint(reader.op):
            for op, part in reversed(reader.path):
                with op.location:
                    value = with_part(op, value, part)
        reader.op.result.replace_all_uses_with(value)
    return True


def _slices(product: ir.Operation, weights: Weights) -> list[ir.Operation] | None:
    """The slices that read ``product``; None where something else reads it as well."""
    found: list[ir.Operation] = []
    pending = [product.result]
    while pending:
        value = pending.pop()
        for use in value.uses:
            op = use.owner.operation
            if slice_of(op) is not None:
                found.append(op)
            elif is_carried(op, value, weights):
                pending.append(op.result)
            else:
                return None
    return found


def _reader(op: ir.Operation, product: ir.Operation) -> _Reader | None:
    """What ``op`` reads of ``product``; None where that is no slice of it."""
    part = slice_of(op)
    value = op.operands[0]
    path: list[tuple[ir.Operation, Part]] = []
    while part is not None and value != product.result:
        step = value.owner.operation
        path.append((step, part))
        value, part = step.operands[0], part_before(step, part)
    return _Reader(op, tuple(path), part) if part is not None else None


def _columns(product: ir.Operation, info: TensorInfo, columns: Part) -> ir.Value:
    """The product with these columns of its weight."""
    rows, weight = product.operands
    return build("aten.mm", [rows, take(weight, columns)], info.with_shape((info.shape[0], columns.size)))
