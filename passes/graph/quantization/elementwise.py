"""Sums and relu."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.stream import integer
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.quantization.norms import normalize
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, fixed_format, like
from stepwell.passes.graph.torch_values import definition
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
    sums = quantizer.handed_on(left)
    kinds = fixed_format(sums), quantizer.addend_format(right, fixed_format(sums).frac)
    frac = max(kind.frac for kind in kinds)
    (a, b), (c, d) = (_shifted(kind, frac) for kind in kinds)
    kind = smallest_format((a + c, b + d), frac)
    if kind.width > MAX_WIDTH:
        return None
    other = quantizer.addend(right, kinds[1])
    aligned = [quantizer.aligned(value, frac) for value in (sums, other)]
    return numeric.AddOp(*aligned, like(sums, kind)).output


def relu(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """A cast to an unsigned format: saturation cuts negative numbers off."""
    (operand,) = op.operands
    if operand not in quantizer.exact or op.results[0] not in quantizer.ranges:
        return None
    return quantizer.cast(quantizer.exact[operand], quantizer.own_format(op.results[0]))


def multiply(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """The end of a normalisation, or a product of elements, where one side was computed here."""
    normal = normalize(quantizer, op)
    if normal is not None:
        return normal
    left, right = op.operands
    if left not in quantizer.exact:
        left, right = right, left
    if left not in quantizer.exact or not _is_row(left, right):
        return None
    if not all(quantizer.can_narrow(operand) for operand in (left, right)):
        return None
    a, b = quantizer.narrowed(left), quantizer.narrowed(right)
    first, second = fixed_format(a), fixed_format(b)
    corners = [x * y for x in first.range for y in second.range]
    kind = smallest_format((min(corners), max(corners)), first.frac + second.frac)
    return numeric.MultiplyOp(a, b, like(a, kind)).output


def hard_tanh(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Numbers between two ends, as relu6 and hardtanh are decomposed: a cast, and the ends in its integers."""
    below = _beyond(op, "torch.aten.lt.Scalar")
    inner = definition(below[2]) if below is not None else None
    above = _beyond(inner, "torch.aten.gt.Scalar") if inner is not None else None
    if below is None or above is None or not above[0] == below[0] == above[2]:
        return None
    if below[0] not in quantizer.exact or op.results[0] not in quantizer.ranges:
        return None
    kind = quantizer.own_format(op.results[0])
    ends = [round(math.ldexp(end, kind.frac)) for end in (below[1], above[1])]
    low, high = (min(max(end, kind.range[0]), kind.range[1]) for end in ends)
    narrow = quantizer.cast(quantizer.exact[below[0]], kind)
    return numeric.ClampOp(narrow, integer(low), integer(high), narrow.type).output


RULES: dict[str, Rule] = {
    "torch.aten.add.Tensor": add,
    "torch.aten.mul.Tensor": multiply,
    "torch.aten.relu": relu,
    "torch.aten.where.self": hard_tanh,
}


def _beyond(op: ir.Operation, comparison: str) -> tuple[ir.Value, float, ir.Value] | None:
    """What is compared, the end that is taken where it lies beyond that, and what is taken elsewhere."""
    if op.name != "torch.aten.where.self":
        return None
    condition, end, other = op.operands
    compared, literal = tb.defining(condition, comparison), tb.defining(end, "torch.vtensor.literal")
    if compared is None or literal is None:
        return None
    number, value = tb.number(compared.operands[1]), ir.DenseElementsAttr(literal.attributes["value"])
    if number is None or not value.is_splat or float(ir.FloatAttr(value.get_splat_value()).value) != number:
        return None
    return compared.operands[0], float(number), other


def _shifted(kind: Format, frac: int) -> Range:
    """The range of ``kind`` counted in units of ``2**-frac``."""
    low, high = kind.range
    return low << (frac - kind.frac), high << (frac - kind.frac)


def _is_row(left: ir.Value, right: ir.Value) -> bool:
    """Whether ``right`` has the shape of ``left``, or is a row of it."""
    a, b = tb.tensor_info(left), tb.tensor_info(right)
    return a is not None and b is not None and b.dtype == "f32" and b.shape in (a.shape, a.shape[-1:])
