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
    infos = [tb.tensor_info(operand) for operand in op.operands]
    if infos[0] is None or infos[1] is None or infos[0].shape[:-2] != infos[1].shape[:-2] or len(infos[1].shape) < 2:
        return None
    length = infos[1].shape[-2]
    if length is None:
        return None
    left, right = (quantizer.narrowed(operand) for operand in op.operands)
    a, b = fixed_format(left), fixed_format(right)
    kind = smallest_format(dot_product_range(length, a.range, b.range), a.frac + b.frac)
    shape = [*ir.RankedTensorType(left.type).shape[:-1], ir.RankedTensorType(right.type).shape[-1]]
    return numeric.MatmulOp(left, right, fixed_tensor(shape, kind)).output


RULES: dict[str, Rule] = dict.fromkeys(("torch.aten.mm", "torch.aten.bmm", "torch.aten.matmul"), mm)
