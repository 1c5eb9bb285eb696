"""Sums, products, and what cuts off ends."""

from __future__ import annotations

import math
from fractions import Fraction

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.prequantised.islands import (
    FINER,
    Islands,
    Rule,
    Scaled,
    quantize_floats,
    range_in,
)
from stepwell.passes.graph.quantization.quantizer import is_f32, like
from stepwell.support.fixed_point import smallest_format


def add(islands: Islands, op: ir.Operation) -> bool:
    """A bias in the scale of the sums, or two tensors in one scale."""
    left, right, alpha = op.operands
    if left not in islands.floats:
        left, right = right, left
    sums = islands.floats.get(left)
    if sums is None or tb.number(alpha) != 1 or not _is_row(left, right):
        return False
    other = islands.floats.get(right)
    if islands.weights.is_fixed(right) and (other is None or other.step != sums.step):
        if not is_f32(right):
            return False
        ends = islands.ends_of(right, sums.step) if other is None else range_in(other, sums.step)
        return islands.note(op, _sum(sums, Scaled(quantize_floats(right, sums.step, "divide", ends), sums.step)))
    return other is not None and islands.note(op, _sum(*_in_step(islands, sums, other)))


def multiply(islands: Islands, op: ir.Operation) -> bool:
    """Products of two tensors; scales multiply."""
    left, right = (islands.floats.get(operand) for operand in op.operands)
    if left is None or right is None or not _is_row(*op.operands):
        return False
    corners = [a * b for a in left.kind.range for b in right.kind.range]
    kind = smallest_format((min(corners), max(corners)))
    product = numeric.MultiplyOp(left.value, right.value, like(left.value, kind)).output
    return islands.note(op, Scaled(product, left.step * right.step))


def relu(islands: Islands, op: ir.Operation) -> bool:
    """No number below 0."""
    return _between(islands, op, 0.0, math.inf)


def hardtanh(islands: Islands, op: ir.Operation) -> bool:
    """No number below and above constants; relu6 among others."""
    low, high = (tb.number(operand) for operand in op.operands[1:])
    return low is not None and high is not None and low <= high and _between(islands, op, low, high)


def _between(islands: Islands, op: ir.Operation, low: float, high: float) -> bool:
    source = islands.floats.get(op.operands[0])
    if source is None:
        return False
    ends = (
        source.kind.range[0] if low == -math.inf else round(Fraction(low) / source.step),
        source.kind.range[1] if high == math.inf else round(Fraction(high) / source.step),
    )
    return islands.note(op, Scaled(islands.clamped(source.value, ends), source.step))


def _sum(left: Scaled, right: Scaled) -> Scaled:
    (a, b), (c, d) = left.kind.range, right.kind.range
    kind = smallest_format((a + c, b + d))
    return Scaled(numeric.AddOp(left.value, right.value, like(left.value, kind)).output, left.step)


def _in_step(islands: Islands, left: Scaled, right: Scaled) -> tuple[Scaled, Scaled]:
    """Both in one scale: as they are where it is the same, else in parts of the smaller."""
    if left.step == right.step:
        return left, right
    step = min(left.step, right.step) / FINER
    parts = [Scaled(islands.rescaled(side, step, range_in(side, step)), step) for side in (left, right)]
    return parts[0], parts[1]


def _is_row(left: ir.Value, right: ir.Value) -> bool:
    """Whether ``right`` has the shape of ``left``, or is a row of it."""
    a, b = tb.tensor_info(left), tb.tensor_info(right)
    return a is not None and b is not None and b.shape in (a.shape, a.shape[-1:])


RULES: dict[str, Rule] = {
    "torch.aten.add.Tensor": add,
    "torch.aten.mul.Tensor": multiply,
    "torch.aten.relu": relu,
    "torch.aten.hardtanh": hardtanh,
}
