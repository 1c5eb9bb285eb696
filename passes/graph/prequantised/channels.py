"""Weights with a scale for each channel: products stay integers until a common scale is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.permutations import order_of
from stepwell.passes.graph.prequantised.conversions import quantising_numbers
from stepwell.passes.graph.prequantised.islands import (
    Islands,
    Rule,
    Shifted,
    integer_bits,
    integers,
    quantize_floats,
    read_integers,
)
from stepwell.passes.graph.prequantised.products import product
from stepwell.passes.graph.quantization.convolution import channel_column, exact_sums
from stepwell.passes.graph.quantization.quantizer import fixed_format, fixed_tensor, is_f32, like
from stepwell.passes.graph.weights import parameter_name
from stepwell.support.fixed_point import Format, smallest_format
from stepwell.support.widths import Range, signed_width


@dataclass(frozen=True)
class Channelled:
    """Floats as integers under a scale of their channel.

    Attributes:
        value: the integers.
        step: times which, and the channel's scale, they are the floats.
        scales: a float parameter with one number for each place along ``axis``.
        bias: floats that are still to be added, one for each channel.
        relu: whether what is below 0 is still to be cut off, after that.
    """

    value: ir.Value
    step: Fraction
    scales: ir.Value
    axis: int
    bias: ir.Value | None = None
    relu: bool = False


Found = dict[ir.Value, Channelled]


def rules() -> dict[str, Rule]:
    """Rules for one function, which share what they found."""
    found: Found = {}
    return {
        "torch.quantized_decomposed.dequantize_per_channel": lambda islands, op: _dequantize(found, islands, op),
        "torch.quantized_decomposed.quantize_per_tensor": lambda islands, op: _quantize(found, islands, op),
        "torch.aten.convolution": lambda islands, op: _convolution(found, islands, op),
        "torch.aten.mm": lambda islands, op: _mm(found, islands, op),
        "torch.aten.add.Tensor": lambda islands, op: _add(found, islands, op),
        "torch.aten.relu": lambda islands, op: _relu(found, op),
        **{
            f"torch.aten.{name}": lambda islands, op: _transpose(found, op)
            for name in ("permute", "t", "transpose.int")
        },
    }


def _dequantize(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """A weight that is stored as integers without zero points."""
    value, scales, zero_points, axis, low, high = list(op.operands)[:6]
    numbers = [tb.number(operand) for operand in (axis, low, high)]
    weights = islands.weights
    if None in numbers or integer_bits(value) is None or not (weights.is_fixed(value) and is_f32(op.results[0])):
        return False
    values, points = _values(islands, scales), _values(islands, zero_points)
    if (
        values is None
        or values.min() <= 0
        or not (tb.is_none(zero_points) or (points is not None and not points.any()))
    ):
        return False
    found[op.results[0]] = Channelled(read_integers(value), Fraction(1), scales, int(numbers[0] or 0))
    return True


def _transpose(found: Found, op: ir.Operation) -> bool:
    source = found.get(op.operands[0])
    order = order_of(op)
    if source is None or order is None or source.bias is not None:
        return False
    shape = ir.RankedTensorType(source.value.type).shape
    kind = fixed_tensor([shape[dim] for dim in order], fixed_format(source.value))
    moved = numeric.TransposeOp(source.value, integers(order), kind).output
    found[op.results[0]] = replace(source, value=moved, axis=order.index(source.axis))
    return True


def _mm(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """A product whose columns have scales."""
    left, right = islands.floats.get(op.operands[0]), found.get(op.operands[1])
    if left is None or right is None or right.axis != 1:
        return False
    made = product(op, left.value, right.value)
    if made is not None:
        found[op.results[0]] = replace(right, value=made, step=left.step * right.step)
    return made is not None


def _convolution(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """Sums whose channels have scales, and their bias."""
    image, weight, bias = islands.floats.get(op.operands[0]), found.get(op.operands[1]), op.operands[2]
    if image is None or weight is None or weight.axis != 0:
        return False
    if not tb.is_none(bias) and not islands.weights.is_fixed(bias):
        return False
    made = exact_sums(op, image.value, weight.value)
    if made is not None:
        kept = None if tb.is_none(bias) else bias
        found[op.results[0]] = replace(weight, value=made, step=image.step * weight.step, axis=1, bias=kept)
    return made is not None


def _add(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """A bias, kept for later: only then its scale is known."""
    sums, bias, alpha = op.operands
    source, info = found.get(sums), tb.tensor_info(bias)
    channels = tb.tensor_info(source.scales) if source is not None else None
    if source is None or source.bias is not None or source.relu or tb.number(alpha) != 1:
        return False
    if info is None or channels is None or info.shape != channels.shape or not islands.weights.is_fixed(bias):
        return False
    found[op.results[0]] = replace(source, bias=bias)
    return True


def _relu(found: Found, op: ir.Operation) -> bool:
    source = found.get(op.operands[0])
    if source is not None:
        found[op.results[0]] = replace(source, relu=True)
    return source is not None


def _quantize(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """To one scale for all: each channel times its own ratio, the bias, rounded once."""
    value, *rest = op.operands
    source, numbers = found.get(value), quantising_numbers(rest)
    if source is None or numbers is None:
        return False
    step, zero_point, low, high = numbers
    ends = low - zero_point, high - zero_point
    islands.integers[op.results[0]] = Shifted(_rescaled(islands, source, step, ends), zero_point)
    return True


def _rescaled(islands: Islands, source: Channelled, step: Fraction, ends: Range) -> ir.Value:
    scales = _values(islands, source.scales)
    assert scales is not None
    islands.rescalings.append(signed_width(ends))
    largest = Fraction(float(scales.max())) * source.step / step
    frac = islands.scale_bits - 1 - math.floor(math.log2(largest))
    ratios = _row(source.scales, step / source.step, frac, (0, (1 << islands.scale_bits) - 1))
    result = _exact(numeric.MultiplyOp, source.value, _placed(ratios, source.value), frac)
    if source.bias is not None:
        unit = step * Fraction(2) ** -frac
        bias = _row(source.bias, step, frac, islands.ends_of(source.bias, unit))
        result = _exact(numeric.AddOp, result, _placed(bias, result), frac)
    if source.relu:
        ends = max(0, ends[0]), max(0, ends[1])
    kind = smallest_format(ends)
    words = ir.StringAttr.get("half-even"), ir.StringAttr.get("saturate")
    narrow = numeric.CastOp(result, *words, like(result, kind)).output
    return narrow if kind.range == ends else islands.clamped(narrow, ends)


def _row(floats: ir.Value, step: Fraction, frac: int, ends: Range) -> ir.Value:
    """A row of floats in ``frac`` bits of fraction of ``step``."""
    whole = quantize_floats(floats, step * Fraction(2) ** -frac, "divide", ends)
    kind = fixed_format(whole)
    return numeric.ReinterpretOp(whole, like(whole, Format(kind.width, frac, kind.signed))).output


def _placed(row: ir.Value, value: ir.Value) -> ir.Value:
    """A number for each column of a matrix, or each channel of images."""
    return row if ir.RankedTensorType(value.type).rank == 2 else channel_column(row, value)


def _exact(kind: type, left: ir.Value, right: ir.Value, frac: int) -> ir.Value:
    """An exact sum or product with a row."""
    (a, b), (c, d) = fixed_format(left).range, fixed_format(right).range
    corners = [a * c, a * d, b * c, b * d] if kind is numeric.MultiplyOp else [a + c, b + d]
    result: ir.Value = kind(left, right, like(left, smallest_format((min(corners), max(corners)), frac))).output
    return result


def _values(islands: Islands, value: ir.Value) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None:
    """The values of a parameter; None where they are not at hand."""
    name = parameter_name(value) if not tb.is_none(value) else None
    if name is None or islands.context.parameters is None:
        return None
    islands.context.values_read.add(name)
    return np.asarray(islands.context.parameters[name])
