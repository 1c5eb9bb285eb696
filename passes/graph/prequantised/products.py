"""Products of matrices, and their biases."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.prequantised.islands import Islands, Rule, Scaled
from stepwell.passes.graph.quantization.quantizer import fixed_format, fixed_tensor
from stepwell.support.fixed_point import smallest_format
from stepwell.support.widths import dot_product_range


def mm(islands: Islands, op: ir.Operation) -> bool:
    """A product, as wide as its length asks for; scales multiply."""
    left, right = (islands.floats.get(operand) for operand in op.operands)
    made = product(op, left.value, right.value) if left is not None and right is not None else None
    if left is None or right is None or made is None:
        return False
    return islands.note(op, Scaled(made, left.step * right.step))


def product(op: ir.Operation, left: ir.Value, right: ir.Value) -> ir.Value | None:
    """The exact product of integers for ``op``; None where its length is not known."""
    info = tb.tensor_info(op.operands[1])
    if info is None or info.shape[0] is None:
        return None
    kind = smallest_format(dot_product_range(info.shape[0], fixed_format(left).range, fixed_format(right).range))
    rows, columns = ir.RankedTensorType(left.type).shape[0], ir.RankedTensorType(right.type).shape[1]
    return numeric.MatmulOp(left, right, fixed_tensor([rows, columns], kind)).output


RULES: dict[str, Rule] = {"torch.aten.mm": mm}
