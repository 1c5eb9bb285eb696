"""Convolutions and pooling of images."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.prequantised.islands import Islands, Rule, Scaled, quantize_floats
from stepwell.passes.graph.quantization.convolution import channel_column, exact_sums
from stepwell.passes.graph.quantization.pooling import averaged_windows, largest, whole_images, window_sums
from stepwell.passes.graph.quantization.quantizer import fixed_format, is_f32, like
from stepwell.support.fixed_point import smallest_format


def convolution(islands: Islands, op: ir.Operation) -> bool:
    """Sums of products, scales multiply; a bias takes the scale of the sums."""
    image, weight = (islands.floats.get(operand) for operand in list(op.operands)[:2])
    bias = op.operands[2]
    if image is None or weight is None:
        return False
    if not tb.is_none(bias) and not (islands.weights.is_fixed(bias) and is_f32(bias)):
        return False
    sums = exact_sums(op, image.value, weight.value)
    if sums is None:
        return False
    step = image.step * weight.step
    if not tb.is_none(bias):
        column = channel_column(quantize_floats(bias, step, "divide", islands.ends_of(bias, step)), sums)
        (a, b), (c, d) = fixed_format(sums).range, fixed_format(column).range
        sums = numeric.AddOp(sums, column, like(sums, smallest_format((a + c, b + d)))).output
    return islands.note(op, Scaled(sums, step))


def max_pool(islands: Islands, op: ir.Operation) -> bool:
    """The largest number of each window."""
    source = islands.floats.get(op.operands[0])
    made = largest(op, source.value) if source is not None else None
    return source is not None and made is not None and islands.note(op, Scaled(made, source.step))


def average_pool(islands: Islands, op: ir.Operation) -> bool:
    """The sum of each window, under a scale that is so many times smaller."""
    source, averaged = islands.floats.get(op.operands[0]), averaged_windows(op)
    if source is None or averaged is None:
        return False
    windows, count = averaged
    return islands.note(op, Scaled(window_sums(source.value, windows), source.step / count))


def sum_of_sizes(islands: Islands, op: ir.Operation) -> bool:
    """The sum of each image of a channel."""
    source, windows = islands.floats.get(op.operands[0]), whole_images(op)
    if source is None or windows is None:
        return False
    return islands.note(op, Scaled(window_sums(source.value, windows), source.step))


RULES: dict[str, Rule] = {
    "torch.aten.convolution": convolution,
    "torch.aten.max_pool2d": max_pool,
    "torch.aten.avg_pool2d": average_pool,
    "torch.aten.sum.dim_IntList": sum_of_sizes,
}
