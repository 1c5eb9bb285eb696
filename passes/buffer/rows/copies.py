"""Copies between buffers as elementwise operations."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.buffer.views import plain_type


def is_strided_copy(op: ir.Operation) -> bool:
    """Whether ``op`` copies buffers that are not both contiguous (those that are become a ``memcpy``)."""
    if op.name != "memref.copy" or not all(isinstance(value.type, ir.MemRefType) for value in op.operands):
        return False
    kinds = [ir.MemRefType(value.type) for value in op.operands]
    return any(kind != plain_type(kind) for kind in kinds)


def spell_out(copy: ir.Operation) -> None:
    """Replace ``copy`` by a ``linalg.generic`` that hands on its operand."""
    _hand_on(copy, list(range(ir.MemRefType(copy.operands[0].type).rank)))


def spell_out_transpose(transpose: ir.Operation) -> None:
    """Replace a ``linalg.transpose`` by a ``linalg.generic``."""
    _hand_on(transpose, list(ir.DenseI64ArrayAttr(transpose.attributes["permutation"])))


def _hand_on(op: ir.Operation, order: list[int]) -> None:
    """Axis ``i`` of the second operand is axis ``order[i]`` of the first."""
    source, target = op.operands
    kind = ir.MemRefType(source.type)
    rank = kind.rank
    read = ir.AffineMap.get(rank, 0, [ir.AffineDimExpr.get(order.index(axis)) for axis in range(rank)])
    maps = [ir.AffineMapAttr.get(read), ir.AffineMapAttr.get(ir.AffineMap.get_identity(rank))]
    kinds = [ir.Attribute.parse("#linalg.iterator_type<parallel>")] * rank
    with ir.InsertionPoint(op), op.location:
        made = linalg.GenericOp([], [source], [target], ir.ArrayAttr.get(maps), ir.ArrayAttr.get(kinds))
        block = made.regions[0].blocks.append(kind.element_type, kind.element_type)
        with ir.InsertionPoint(block):
            linalg.YieldOp([block.arguments[0]])
    op.erase()
