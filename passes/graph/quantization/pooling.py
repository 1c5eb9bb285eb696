"""Pooling: the largest is taken of narrow numbers, averages are exact sums with more fraction, or divided."""

from __future__ import annotations

import math
from dataclasses import replace

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.numeric_window_rules import read_windows
from stepwell.dialects.stream import integer, integers
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, fixed_format, fixed_tensor, like
from stepwell.passes.graph.torch_values import definition, tensor_type
from stepwell.support.fixed_point import smallest_format
from stepwell.support.widths import dot_product_range
from stepwell.support.windows import Windows


def max_pool(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """The largest number of each window, in the image's own format."""
    value = _image(quantizer, op.operands[0])
    return largest(op, value) if value is not None else None


def largest(op: ir.Operation, image: ir.Value) -> ir.Value | None:
    """``aten.max_pool2d`` on numbers; None where its settings are not constant."""
    _, kernel, strides, padding, dilation, ceiling = op.operands
    windows = _reaching(op, _windows(kernel, strides, padding, dilation), ceiling)
    if windows is None:
        return None
    shape = _shape(image, windows)
    pool = numeric.MaxPoolOp(image, **_listed(windows), output=fixed_tensor(shape, fixed_format(image)))
    if set(windows.dilation) - {1}:
        pool.operation.attributes["dilation"] = integers(windows.dilation)
    return _over(pool.operation, windows)


def average_pool(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """The sum of each window by one number; padding counts."""
    averaged = averaged_windows(op)
    value = _image(quantizer, op.operands[0]) if averaged is not None else None
    if averaged is None or value is None or op.results[0] not in quantizer.ranges:
        return None
    windows, count = averaged
    return _divided(quantizer, window_sums(value, windows), count, op.results[0])


def averaged_windows(op: ir.Operation) -> tuple[Windows, int] | None:
    """The windows of ``aten.avg_pool2d``, and what their sums are divided by, where that is one number for all."""
    _, kernel, strides, padding, ceiling, counts_padding, divisor = op.operands
    windows = _reaching(op, _windows(kernel, strides, padding), ceiling)
    if windows is None:
        return None
    if not tb.is_none(divisor):
        count = tb.number(divisor)
        return (windows, int(count)) if count is not None and count >= 1 else None
    # What lies behind the padding never counts.
    uncounted = any(windows.over) or (any(windows.padding) and tb.flag(counts_padding) is not True)
    return None if uncounted else (windows, windows.taps)


def sums(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """The sum over all sizes of an image, which stay as sizes of 1: one window; or over dimensions side by side."""
    windows = whole_images(op)
    if windows is None:
        return _sums_along(quantizer, op)
    value = _image(quantizer, op.operands[0])
    return window_sums(value, windows) if value is not None else None


def whole_images(op: ir.Operation) -> Windows | None:
    """The window that ``aten.sum.dim_IntList`` sums, where that is an image of each channel."""
    image, dims, kept, dtype = op.operands
    info, listed = tb.tensor_info(image), tb.numbers(dims)
    if info is None or listed is None or len(info.shape) < 3 or not (tb.flag(kept) and tb.is_none(dtype)):
        return None
    rank = len(info.shape)
    axes = sorted(dim % rank for dim in listed if isinstance(dim, int))
    sizes = tuple(size for size in info.shape[2:] if size is not None)
    if axes != list(range(2, rank)) or len(sizes) != rank - 2:
        return None
    return Windows(sizes, sizes, (0,) * len(sizes), (1,) * len(sizes))


def divide(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """The sum of windows by a positive whole number."""
    operand, divisor = op.operands
    count = tb.number(divisor)
    total = quantizer.exact.get(operand)
    if total is None or op.results[0] not in quantizer.ranges:
        return None
    view = total if total.owner.operation.name == "numeric.reshape" else None
    pooled = total if view is None else view.owner.operation.operands[0]
    made = definition(pooled)
    if made is None or made.name != "numeric.sum_pool" or count is None or count < 1 or count != int(count):
        return None
    average = _divided(quantizer, pooled, int(count), op.results[0])
    return average if view is None else numeric.ReshapeOp(average, like(view, fixed_format(average))).output


RULES: dict[str, Rule] = {
    "torch.aten.max_pool2d": max_pool,
    "torch.aten.avg_pool2d": average_pool,
    "torch.aten.sum.dim_IntList": sums,
}


def _sums_along(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """The sum over dimensions side by side: what lies within them are the channels of one window for all before."""
    value, dims, _, dtype = op.operands
    info, listed, wanted = tb.tensor_info(value), tb.numbers(dims), tensor_type(op.results[0])
    if info is None or wanted is None or not info.is_static() or not listed or not tb.is_none(dtype):
        return None
    axes = sorted(int(dim) % len(info.shape) for dim in listed if dim is not None)
    if axes != list(range(axes[0], axes[0] + len(listed))) or not quantizer.can_narrow(value):
        return None
    numbers = quantizer.narrowed(value)
    kind, shape = fixed_format(numbers), ir.RankedTensorType(numbers.type).shape
    outer, taps, inner = (
        math.prod(part) for part in (shape[: axes[0]], shape[axes[0] : axes[-1] + 1], shape[axes[-1] + 1 :])
    )
    rows = numeric.ReshapeOp(numbers, fixed_tensor([outer, taps, inner], kind)).output
    image = numeric.TransposeOp(rows, integers([0, 2, 1]), fixed_tensor([outer, inner, taps], kind)).output
    pooled = window_sums(image, Windows((taps,), (taps,), (0,), (1,)))
    return numeric.ReshapeOp(pooled, fixed_tensor(list(wanted.shape), fixed_format(pooled))).output


def _image(quantizer: Quantizer, image: ir.Value) -> ir.Value | None:
    """An image of known sizes in its own format."""
    info = tb.tensor_info(image)
    if info is None or None in info.shape[1:] or not quantizer.can_narrow(image):
        return None
    return quantizer.narrowed(image)


def window_sums(image: ir.Value, windows: Windows) -> ir.Value:
    """Exact sums of windows."""
    kind = fixed_format(image)
    wide = smallest_format(dot_product_range(windows.taps, kind.range, (1, 1)), kind.frac)
    pool = numeric.SumPoolOp(image, **_listed(windows), output=fixed_tensor(_shape(image, windows), wide))
    return _over(pool.operation, windows)


def _divided(quantizer: Quantizer, sums: ir.Value, count: int, result: ir.Value) -> ir.Value:
    """``sums`` by ``count``: with more fraction if that is a power of two, else rounded to the format of ``result``."""
    source, power = fixed_format(sums), (count & -count).bit_length() - 1
    odd, frac = count >> power, source.frac + power
    if odd == 1:
        pool = sums.owner.operation
        windows = read_windows(pool)
        halved = like(sums, replace(source, frac=frac))
        return _over(numeric.SumPoolOp(pool.operands[0], **_listed(windows), output=halved).operation, windows)
    kind = quantizer.own_format(result)
    # As many bits of the quotient as the sums have: it is off by less than what is rounded.
    places = source.width + odd.bit_length()
    multiplier = (2 * (1 << places) + odd) // (2 * odd)
    return numeric.RequantizeOp(
        sums, integer(multiplier), integer(places + frac - kind.frac), *quantizer.words(), like(sums, kind)
    ).output


def _windows(*settings: ir.Value) -> Windows | None:
    """The windows of a pooling operator, if its settings are constant: kernel, strides, padding, perhaps dilation."""
    lists = [tb.numbers(value) for value in settings]
    sizes = [tuple(size for size in values or () if isinstance(size, int)) for values in lists]
    sizes[1] = sizes[1] or sizes[0]
    if not sizes[0] or len({len(values) for values in sizes}) > 1:
        return None
    return Windows(sizes[0], sizes[1], sizes[2], sizes[3] if len(sizes) > 3 else (1,) * len(sizes[0]))


def _reaching(op: ir.Operation, windows: Windows | None, ceiling: ir.Value) -> Windows | None:
    """``windows`` as far over the end of an image as ``ceil_mode`` has them; None where that is not known, or where
    one begins behind the image."""
    if windows is None or tb.flag(ceiling) is False:
        return windows
    image, result = tb.tensor_info(op.operands[0]), tb.tensor_info(op.results[0])
    if tb.flag(ceiling) is None or image is None or result is None or None in image.shape[2:]:
        return None
    sizes, counts = ([size or 0 for size in info.shape[2:]] for info in (image, result))
    places = [(count - 1) * step for count, step in zip(counts, windows.strides, strict=True)]
    if any(place >= size for place, size in zip(places, sizes, strict=True)):
        return None
    spans = [d * (k - 1) + 1 for k, d in zip(windows.kernel, windows.dilation, strict=True)]
    ends = [size + 2 * p for size, p in zip(sizes, windows.padding, strict=True)]
    over = (max(0, place + span - end) for place, span, end in zip(places, spans, ends, strict=True))
    return replace(windows, over=tuple(over))


def _shape(image: ir.Value, windows: Windows) -> list[int]:
    batch, channels, *sizes = ir.RankedTensorType(image.type).shape
    return [batch, channels, *windows.sizes(sizes)]


def _over(pool: ir.Operation, windows: Windows) -> ir.Value:
    """The result of a pooling operation, which is told how far its windows reach over the end."""
    if any(windows.over):
        pool.attributes["over"] = integers(windows.over)
    return pool.results[0]


def _listed(windows: Windows) -> dict[str, ir.ArrayAttr]:
    """As attributes of a pooling operation."""
    return {name: integers(getattr(windows, name)) for name in ("kernel", "strides", "padding")}
