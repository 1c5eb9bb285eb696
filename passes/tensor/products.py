"""Products as structured operations: what is one, and how to write one with indices of one's own."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg

from stepwell.passes.buffer.contraction.numbers import extend

_ITERATORS = {"p": "parallel", "r": "reduction"}


def is_plain_product(product: ir.Operation) -> bool:
    """Whether a (batched) matrix product has operands indexed as the name says, neither transposed nor broadcast."""
    batch = [0] if product.name == "linalg.batch_matmul" else []
    m, n, k = (len(batch) + place for place in range(3))
    maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(product)]
    want = [[*batch, m, k], [*batch, k, n], [*batch, m, n]]
    return [list(map_.results) for map_ in maps] == [[ir.AffineDimExpr.get(dim) for dim in dims] for dims in want]


def multiply_add(
    left: ir.Value, right: ir.Value, out: ir.Value, indices: Sequence[Sequence[ir.AffineExpr]], iterators: str
) -> ir.Operation:
    """``out += left * right``, both extended to the type of ``out``, on tensors or on buffers.

    Args:
        indices: of left, right and out, by the dimensions of the iteration space.
        iterators: for each dimension ``p`` (parallel) or ``r`` (reduction).
    """
    operands = [left, right, out]
    maps = [ir.AffineMapAttr.get(ir.AffineMap.get(len(iterators), 0, list(results))) for results in indices]
    kinds = [ir.Attribute.parse(f"#linalg.iterator_type<{_ITERATORS[kind]}>") for kind in iterators]
    results = [out.type] if isinstance(out.type, ir.RankedTensorType) else []
    made = linalg.GenericOp(results, operands[:2], [out], ir.ArrayAttr.get(maps), ir.ArrayAttr.get(kinds))
    elements = [ir.ShapedType(operand.type).element_type for operand in operands]
    block = made.regions[0].blocks.append(*elements)
    with ir.InsertionPoint(block):
        *factors, total = block.arguments
        factors = [extend(factor, elements[2]) for factor in factors]
        if isinstance(elements[2], ir.FloatType):
            linalg.YieldOp([arith.addf(total, arith.mulf(*factors))])
        else:
            linalg.YieldOp([arith.addi(total, arith.muli(*factors))])
    return made.operation
