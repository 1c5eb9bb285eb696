"""The largest and the sum of windows: ``stream.pool``."""

from __future__ import annotations

from dataclasses import replace

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.dialects.numeric_window_rules import read_windows
from stepwell.passes.hardware.fixed_values import Ending, format_of, static_shape
from stepwell.passes.hardware.to_stream.converter import Converter, Rule, rescale_attributes, stream_of
from stepwell.passes.hardware.to_stream.convolution import check_windows, window
from stepwell.support.widths import signed_range


def pool(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Windows side by side, or one after the other where they overlap."""
    function, windows = op.name.removeprefix("numeric.").removesuffix("_pool"), read_windows(op)
    check_windows(windows, op)
    shape = static_shape(op.results[0], op)
    image = converter.emit(op.operands[0], op, beat)
    frame = stream.read_stream(image.type)
    height, width = (1, *frame.shape[2:])[-2:]
    kernel, words = (1, *windows.kernel)[-2:], frame.shape[1] // frame.beat
    overlap = (
        windows.kernel != windows.strides or any(windows.padding + windows.over) or bool(set(windows.dilation) - {1})
    )
    if overlap:
        fill = signed_range(frame.bits)[0] if function == "max" else 0
        image = window(image, windows, frame.shape[1], frame.beat, fill, 1)
        height, width, words, kernel = 1, windows.taps, 1, (1, windows.taps)
    if function == "max" and end.kind == format_of(op.operands[0]):
        # One of the numbers that came in: it needs no ends.
        end = replace(end, clamp=signed_range(frame.bits))
    made = stream.PoolOp(
        image=image,
        function=ir.StringAttr.get(function),
        height=stream.integer(height),
        width=stream.integer(width),
        words=stream.integer(words),
        kernel=stream.integers(kernel),
        **rescale_attributes(end),
        output=stream_of(end, frame.beat, shape, converter.order(op.results[0])),
    )
    if overlap:
        made.operation.attributes["taps"] = stream.integer(1)
    return made.output


RULES = {name: Rule(pool, narrows=True) for name in ("numeric.max_pool", "numeric.sum_pool")}
