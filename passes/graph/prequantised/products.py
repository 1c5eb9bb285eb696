"""Products of matrices, and their biases."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.prequantised.islands import Islands, Rule, Scaled
from stepwell.passes.graph.quantization.quantizer import fixed_tensor
from stepwell.support.fixed_point import smallest_format
from stepwell.support.widths import dot_product_range


def mm(islands: Islands, op: ir.Operation) -> bool:
    """A product, as wide as its length asks for; scales multiply."""
    left, right = (islands.floats.get(operand) for operand in op.operands)
    info = tb.tensor_info(op.operands[1])
    if left is None or right is None or info is None or info.shape[0] is None:
        return False
    kind = smallest_format(dot_product_range(info.shape[0], left.kind.range, right.kind.range))
    rows, columns = ir.RankedTensorType(left.value.type).shape[0], ir.RankedTensorType(right.value.type).shape[1]
    product = numeric.MatmulOp(left.value, right.value, fixed_tensor([rows, columns], kind)).output
    return islands.note(op, Scaled(product, left.step * right.step))


RULES: dict[str, Rule] = {"torch.aten.mm": mm}
