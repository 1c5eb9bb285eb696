"""What changes a scale by a constant, rounds to whole numbers, or takes the sign."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.prequantised.islands import Islands, Rule, Scaled, quantize_floats, range_in
from stepwell.passes.graph.quantization.quantizer import is_f32, like
from stepwell.support.fixed_point import smallest_format

_ROUNDINGS = {"round": "half-even", "floor": "floor", "ceil": "ceil", "trunc": "to-zero"}


def scale(islands: Islands, op: ir.Operation) -> bool:
    """A product or quotient with a positive constant, in f32: the same integers."""
    source, factor = islands.floats.get(op.operands[0]), scale_factor(op)
    return source is not None and factor is not None and islands.note(op, Scaled(source.value, source.step * factor))


def scale_factor(op: ir.Operation) -> Fraction | None:
    """The positive constant in f32 that ``op`` multiplies by, or the inverse of the one that it divides by."""
    number = tb.number(op.operands[1])
    if number is None or number <= 0:
        return None
    factor = Fraction(float(np.float32(number)))
    return 1 / factor if ".div." in op.name else factor


def whole(islands: Islands, op: ir.Operation) -> bool:
    """``round``, ``floor``, ``ceil``, ``trunc``: a change to the scale 1."""
    source = islands.floats.get(op.operands[0])
    if source is None:
        return False
    if source.step == 1:
        return islands.note(op, source)
    unit = Fraction(1)
    rounding = _ROUNDINGS[op.name.removeprefix("torch.aten.")]
    return islands.note(op, Scaled(islands.rescaled(source, unit, range_in(source, unit), rounding), unit))


def sign(islands: Islands, op: ir.Operation) -> bool:
    """``where(x >= 0, c, -c)`` for a constant ``c``."""
    condition, yes, no = op.operands
    compared = tb.defining(condition, "torch.aten.ge.Scalar")
    constant, other = _splat(yes), _splat(no)
    if compared is None or tb.number(compared.operands[1]) != 0 or constant is None or other is None:
        return False
    value = compared.operands[0]
    if constant <= 0 or other != -constant or not is_f32(value):
        return False
    source = islands.floats.get(value)
    step = Fraction(constant)
    if source is None:
        made = quantize_floats(value, step, "sign", (-1, 1))
    else:
        made = numeric.SignOp(source.value, like(source.value, smallest_format((-1, 1)))).output
    return islands.note(op, Scaled(made, step))


def _splat(value: ir.Value) -> float | None:
    """The number that a constant tensor of f32 has everywhere."""
    literal = tb.defining(value, "torch.vtensor.literal")
    if literal is None or not is_f32(value):
        return None
    elements = ir.DenseElementsAttr(literal.attributes["value"])
    return float(np.array(elements.get_splat_value().value)) if elements.is_splat else None


RULES: dict[str, Rule] = {
    "torch.aten.mul.Scalar": scale,
    "torch.aten.div.Scalar": scale,
    **{f"torch.aten.{name}": whole for name in _ROUNDINGS},
    "torch.aten.where.self": sign,
}
