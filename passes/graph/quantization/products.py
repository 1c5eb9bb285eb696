"""Products of matrices."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, fixed_format, fixed_tensor
from stepwell.support.fixed_point import smallest_format
from stepwell.support.widths import dot_product_range


def mm(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """A product, as wide as its length asks for."""
    if not all(quantizer.can_narrow(operand) for operand in op.operands):
        return None
    inner = tb.tensor_info(op.operands[1])
    length = inner.shape[0] if inner else None
    if length is None:
        return None
    left, right = (quantizer.narrowed(operand) for operand in op.operands)
    a, b = fixed_format(left), fixed_format(right)
    kind = smallest_format(dot_product_range(length, a.range, b.range), a.frac + b.frac)
    rows, columns = ir.RankedTensorType(left.type).shape[0], ir.RankedTensorType(right.type).shape[1]
    return numeric.MatmulOp(left, right, fixed_tensor([rows, columns], kind)).output


RULES: dict[str, Rule] = {"torch.aten.mm": mm}
