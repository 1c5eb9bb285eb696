"""Sums and relu."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, fixed_format, like
from stepwell.support.fixed_point import MAX_WIDTH, Format, smallest_format
from stepwell.support.widths import Range


def add(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """A sum, where one side was computed here; a bias takes the fraction of the sums that it is added to."""
    left, right, alpha = op.operands
    if left not in quantizer.exact:
        left, right = right, left
    if left not in quantizer.exact or tb.number(alpha) != 1 or not _is_row(left, right):
        return None
    if right not in quantizer.exact and right not in quantizer.ranges:
        return None
    sums = quantizer.exact[left]
    kinds = fixed_format(sums), quantizer.addend_format(right, fixed_format(sums).frac)
    frac = max(kind.frac for kind in kinds)
    (a, b), (c, d) = (_shifted(kind, frac) for kind in kinds)
    kind = smallest_format((a + c, b + d), frac)
    if kind.width > MAX_WIDTH:
        return None
    other = quantizer.exact.get(right) or quantizer.quantized(right, kinds[1])
    aligned = [quantizer.aligned(value, frac) for value in (sums, other)]
    return numeric.AddOp(*aligned, like(sums, kind)).output


def relu(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """A cast to an unsigned format: saturation cuts negative numbers off."""
    (operand,) = op.operands
    if operand not in quantizer.exact or op.results[0] not in quantizer.ranges:
        return None
    return quantizer.cast(quantizer.exact[operand], quantizer.own_format(op.results[0]))


RULES: dict[str, Rule] = {"torch.aten.add.Tensor": add, "torch.aten.relu": relu}


def _shifted(kind: Format, frac: int) -> Range:
    """The range of ``kind`` counted in units of ``2**-frac``."""
    low, high = kind.range
    return low << (frac - kind.frac), high << (frac - kind.frac)


def _is_row(left: ir.Value, right: ir.Value) -> bool:
    """Whether ``right`` has the shape of ``left``, or is a row of it."""
    a, b = tb.tensor_info(left), tb.tensor_info(right)
    return a is not None and b is not None and b.dtype == "f32" and b.shape in (a.shape, a.shape[-1:])
