"""The same numbers in another shape."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, fixed_format, fixed_tensor


def view(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Narrow numbers of known sizes; a weight stays as it is."""
    operand, info = op.operands[0], tb.tensor_info(op.results[0])
    if info is None or not quantizer.can_narrow(operand) or quantizer.weights.is_fixed(operand):
        return None
    if sum(size is None for size in info.shape) > 1:
        return None
    value = quantizer.narrowed(operand)
    shape = [ir.ShapedType.get_dynamic_size() if size is None else size for size in info.shape]
    return numeric.ReshapeOp(value, fixed_tensor(shape, fixed_format(value))).output


RULES: dict[str, Rule] = {"torch.aten.view": view}
