"""Convolutions with the bias that they bring."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.stream import integer, integers
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, fixed_format, fixed_tensor, like
from stepwell.support.fixed_point import smallest_format
from stepwell.support.widths import dot_product_range
from stepwell.support.windows import Windows


def convolution(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Sums of products, as wide as their length asks for, and the bias in their fraction."""
    image, weight, bias = list(op.operands)[:3]
    if not all(quantizer.can_narrow(value) for value in (image, weight)):
        return None
    biased = not tb.is_none(bias)
    if biased and not (quantizer.can_narrow(bias) and quantizer.weights.is_fixed(bias)):
        return None
    sums = exact_sums(op, quantizer.narrowed(image), quantizer.narrowed(weight))
    return _biased(quantizer, sums, bias) if biased and sums is not None else sums


def exact_sums(op: ir.Operation, left: ir.Value, right: ir.Value) -> ir.Value | None:
    """The sums of products of ``aten.convolution`` on numbers; None where its settings are not constant."""
    _, weight, _, *words = op.operands
    strides, padding, dilation = (tb.numbers(word) for word in words[:3])
    groups, kernel = tb.number(words[5]), tb.tensor_info(weight)
    if tb.flag(words[3]) is not False or kernel is None or not kernel.is_static() or not isinstance(groups, int):
        return None
    sizes = [[size for size in values or () if isinstance(size, int)] for values in (strides, padding, dilation)]
    inner, *spatial = (size for size in kernel.shape[1:] if size is not None)
    windows = Windows(tuple(spatial), *(tuple(values) for values in sizes))
    a, b = fixed_format(left), fixed_format(right)
    kind = smallest_format(dot_product_range(inner * windows.taps, a.range, b.range), a.frac + b.frac)
    shape = ir.RankedTensorType(left.type).shape
    if any(size < 0 for size in shape[2:]):
        return None
    output = fixed_tensor([shape[0], kernel.shape[0] or 0, *windows.sizes(shape[2:])], kind)
    listed = {name: integers(values) for name, values in zip(("strides", "padding", "dilation"), sizes, strict=True)}
    return numeric.ConvolutionOp(left, right, **listed, groups=integer(groups), output=output).output


def _biased(quantizer: Quantizer, sums: ir.Value, bias: ir.Value) -> ir.Value:
    """``sums`` and a number for each channel."""
    source = fixed_format(sums)
    kind = quantizer.addend_format(bias, source.frac)
    (a, b), (c, d) = source.range, kind.range
    column = channel_column(quantizer.quantized(bias, kind), sums)
    return numeric.AddOp(sums, column, like(sums, smallest_format((a + c, b + d), source.frac))).output


def channel_column(row: ir.Value, image: ir.Value) -> ir.Value:
    """A number for each channel as what ``image`` (N, C, sizes) is added to or multiplied with."""
    shape = ir.RankedTensorType(image.type).shape
    return numeric.ReshapeOp(row, fixed_tensor([shape[1], *[1] * (len(shape) - 2)], fixed_format(row))).output


RULES: dict[str, Rule] = {"torch.aten.convolution": convolution}
