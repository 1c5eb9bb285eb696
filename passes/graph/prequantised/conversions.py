"""Where floats become integers and integers floats: the operators of PyTorch's ``quantized_decomposed``."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.prequantised.islands import (
    Islands,
    Rule,
    Scaled,
    Shifted,
    quantize_floats,
)
from stepwell.passes.graph.prequantised.stored import is_stored, less_zero_point
from stepwell.passes.graph.quantization.quantizer import is_f32
from stepwell.support.widths import Range


def quantize(islands: Islands, op: ir.Operation) -> bool:
    """``quantize_per_tensor``: from an input or a weight, or from another scale."""
    value, *rest = op.operands
    numbers = quantising_numbers(rest)
    info = tb.tensor_info(value)
    if numbers is None or info is None or info.dtype != "f32":
        return False
    step, zero_point, low, high = numbers
    ends = low - zero_point, high - zero_point
    source = islands.floats.get(value)
    if source is None:
        made = _quantize_floats(value, step, ends)
    else:
        made = islands.rescaled(source, step, ends)
    islands.integers[op.results[0]] = Shifted(made, zero_point)
    return True


def _quantize_floats(value: ir.Value, step: Fraction, ends: Range) -> ir.Value:
    """From floats; where those were divided by a scale before, and nothing else reads that, it is one step."""
    divided = tb.defining(value, "torch.aten.div.Scalar")
    by = tb.number(divided.operands[1]) if divided is not None else None
    if divided is None or step != 1 or by is None or by <= 0 or len(list(value.uses)) > 1:
        return quantize_floats(value, step, "reciprocal", ends)
    return quantize_floats(divided.operands[0], Fraction(float(np.float32(by))), "divide", ends)


def dequantize(islands: Islands, op: ir.Operation) -> bool:
    """``dequantize_per_tensor`` of what was quantised here, or of a weight that is stored as integers."""
    value, *rest = op.operands
    numbers = quantising_numbers(rest)
    if numbers is None or not is_f32(op.results[0]):
        return False
    step, zero_point, low, high = numbers
    source = islands.integers.get(value)
    if source is not None:
        return source.zero_point == zero_point and islands.note(op, Scaled(source.value, step))
    if not is_stored(value) or not islands.weights.is_fixed(value):
        return False
    return islands.note(op, Scaled(less_zero_point(value, zero_point, (low, high)), step))


def quantising_numbers(operands: list[ir.Value]) -> tuple[Fraction, int, int, int] | None:
    """Scale as the f32 that it is, zero point, lowest and highest integer; None where one is no constant."""
    scale, *whole = (tb.number(operand) for operand in operands[:4])
    if scale is None or scale <= 0 or any(number is None for number in whole):
        return None
    zero_point, low, high = (int(number) for number in whole if number is not None)
    return Fraction(float(np.float32(scale))), zero_point, low, high


RULES: dict[str, Rule] = {
    "torch.quantized_decomposed.quantize_per_tensor": quantize,
    "torch.quantized_decomposed.dequantize_per_tensor": dequantize,
}
