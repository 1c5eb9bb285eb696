"""Weights with a scale for each channel: products stay integers until a common scale is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.stream import integer
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.permutations import order_of
from stepwell.passes.graph.prequantised.conversions import quantising_numbers
from stepwell.passes.graph.prequantised.islands import (
    Islands,
    Rule,
    Scaled,
    Shifted,
    integers,
    quantize_floats,
)
from stepwell.passes.graph.prequantised.products import product
from stepwell.passes.graph.prequantised.rounding import scale_factor
from stepwell.passes.graph.prequantised.stored import Array, constant_values, is_stored, less_zero_points
from stepwell.passes.graph.quantization.convolution import channel_column, exact_sums
from stepwell.passes.graph.quantization.quantizer import fixed_format, fixed_tensor, is_f32, like
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
        factor: positive; what all of it is still to be multiplied by.
    """

    value: ir.Value
    step: Fraction
    scales: ir.Value
    axis: int
    bias: ir.Value | None = None
    relu: bool = False
    factor: Fraction = Fraction(1)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is still to be done but to multiply by scales."""
        return self.bias is None and not self.relu and self.factor == 1


Found = dict[ir.Value, Channelled]


def rules(found: Found) -> dict[str, Rule]:
    """Rules for one function; ``found`` are its floats under a scale of their channel."""
    return {
        "torch.quantized_decomposed.dequantize_per_channel": lambda islands, op: _dequantize(found, islands, op),
        "torch.quantized_decomposed.quantize_per_tensor": lambda islands, op: _quantize(found, islands, op),
        "torch.aten.convolution": lambda islands, op: _convolution(found, islands, op),
        "torch.aten.mm": lambda islands, op: _mm(found, islands, op),
        "torch.aten.add.Tensor": lambda islands, op: _add(found, islands, op),
        "torch.aten.mul.Scalar": lambda islands, op: _scale(found, islands, op),
        "torch.aten.div.Scalar": lambda islands, op: _scale(found, islands, op),
        "torch.aten.relu": lambda islands, op: _relu(found, islands, op),
        **{
            f"torch.aten.{name}": lambda islands, op: _transpose(found, op)
            for name in ("permute", "t", "transpose.int")
        },
    }


def _dequantize(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """A weight that is stored as integers."""
    value, scales, zero_points, *rest = list(op.operands)[:6]
    axis, low, high = (tb.number(operand) for operand in rest)
    if axis is None or low is None or high is None or not is_stored(value):
        return False
    if not islands.weights.is_fixed(value) or not is_f32(op.results[0]):
        return False
    values = constant_values(islands.context, scales)
    points = np.zeros(1) if tb.is_none(zero_points) else constant_values(islands.context, zero_points)
    if values is None or points is None or values.min() <= 0:
        return False
    made = less_zero_points(value, zero_points, points, int(axis), (int(low), int(high)))
    found[op.results[0]] = Channelled(made, Fraction(1), scales, int(axis))
    return True


def note(found: Found, islands: Islands, op: ir.Operation, made: Channelled) -> bool:
    """``made`` is the result of ``op``, and under one scale for who reads floats."""
    found[op.results[0]] = made
    islands.late[op.results[0]] = lambda: _common(islands, made)
    return True


def _transpose(found: Found, op: ir.Operation) -> bool:
    source = found.get(op.operands[0])
    order = order_of(op)
    if source is None or order is None or not source.is_plain:
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
    return made is not None and note(found, islands, op, replace(right, value=made, step=left.step * right.step))


def _convolution(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """Sums whose channels have scales, and their bias."""
    image, weight, bias = islands.floats.get(op.operands[0]), found.get(op.operands[1]), op.operands[2]
    if image is None or weight is None or weight.axis != 0:
        return False
    if not tb.is_none(bias) and not islands.weights.is_fixed(bias):
        return False
    made = exact_sums(op, image.value, weight.value)
    if made is None:
        return False
    kept = None if tb.is_none(bias) else bias
    sums = replace(weight, value=made, step=image.step * weight.step, axis=1, bias=kept)
    return note(found, islands, op, sums)


def _add(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """A bias, kept for later: only then its scale is known."""
    sums, bias, alpha = op.operands
    source, info = found.get(sums), tb.tensor_info(bias)
    channels = tb.tensor_info(source.scales) if source is not None else None
    if source is None or not source.is_plain or tb.number(alpha) != 1:
        return False
    if info is None or channels is None or info.shape != channels.shape or not islands.weights.is_fixed(bias):
        return False
    return note(found, islands, op, replace(source, bias=bias))


def _relu(found: Found, islands: Islands, op: ir.Operation) -> bool:
    source = found.get(op.operands[0])
    return source is not None and note(found, islands, op, replace(source, relu=True))


def _scale(found: Found, islands: Islands, op: ir.Operation) -> bool:
    source, factor = found.get(op.operands[0]), scale_factor(op)
    if source is None or factor is None:
        return False
    return note(found, islands, op, replace(source, factor=source.factor * factor))


def _quantize(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """To one scale for all: each channel times its own ratio, the bias, rounded once."""
    value, *rest = op.operands
    source, numbers = found.get(value), quantising_numbers(rest)
    if source is None or numbers is None:
        return False
    step, zero_point, low, high = numbers
    ends = low - zero_point, high - zero_point
    islands.integers[op.results[0]] = Shifted(_rescaled(islands, source, step / source.factor, ends), zero_point)
    return True


def _rescaled(islands: Islands, source: Channelled, step: Fraction, ends: Range) -> ir.Value:
    islands.rescalings.append(signed_width(ends))
    result = _in_parts(islands, source, step)
    if source.relu:
        ends = max(0, ends[0]), max(0, ends[1])
    kind = smallest_format(ends)
    words = ir.StringAttr.get("half-even"), ir.StringAttr.get("saturate")
    narrow = numeric.CastOp(result, *words, like(result, kind)).output
    return narrow if kind.range == ends else islands.clamped(narrow, ends)


def _common(islands: Islands, source: Channelled) -> Scaled:
    """All channels in parts of the largest scale; nothing is rounded but the ratios and the bias."""
    smallest, step = _ends(islands, source)
    islands.rescalings.append(islands.scale_bits - math.ceil(math.log2(step / smallest)))
    result = _in_parts(islands, source, step)
    kind = fixed_format(result)
    if source.relu:
        ends = integer(0), integer(kind.range[1])
        result = numeric.ClampOp(result, *ends, like(result, kind)).output
    whole = numeric.ReinterpretOp(result, like(result, Format(kind.width))).output
    return Scaled(whole, step * source.factor * Fraction(2) ** -kind.frac)


def _in_parts(islands: Islands, source: Channelled, step: Fraction) -> ir.Value:
    """Each channel times its ratio to ``step``, and the bias: numbers that count in fractions of ``step``."""
    frac = islands.scale_bits - 1 - math.floor(math.log2(_ends(islands, source)[1] / step))
    most = (1 << islands.scale_bits) - 1
    negative = bool((scales_of(islands, source) < 0).any())
    ratios = _row(source.scales, step / source.step, frac, (-most if negative else 0, most))
    result = _exact(numeric.MultiplyOp, source.value, _placed(ratios, source.value), frac)
    if source.bias is None:
        return result
    unit = step * Fraction(2) ** -frac
    bias = _row(source.bias, step, frac, islands.ends_of(source.bias, unit, islands.scale_bits))
    return _exact(numeric.AddOp, result, _placed(bias, result), frac)


def _ends(islands: Islands, source: Channelled) -> tuple[Fraction, Fraction]:
    """The smallest and the largest magnitude of a channel's scale; channels that are 0 have none."""
    scales = np.abs(scales_of(islands, source))
    return Fraction(float(scales[scales > 0].min())) * source.step, Fraction(float(scales.max())) * source.step


def scales_of(islands: Islands, source: Channelled) -> Array:
    """Their values, which were at hand when it was found."""
    scales = constant_values(islands.context, source.scales)
    assert scales is not None
    return scales


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
