"""Convolutions with a weight: windows, and ``stream.linear`` on them."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.dialects.numeric_window_rules import read_windows
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.hardware.entry import factors
from stepwell.passes.hardware.fixed_values import Ending, refuse, static_shape
from stepwell.passes.hardware.fixed_weights import Arrangement
from stepwell.passes.hardware.to_stream.converter import HINT, Converter, Rule
from stepwell.passes.hardware.to_stream.linear import Layer, layer
from stepwell.support.windows import Windows


@dataclass(frozen=True)
class Spread:
    """Multipliers of a convolution by taps and channels of a window, by outputs, and by groups."""

    inputs: int
    outputs: int
    lanes: int


def convolution(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A convolution alone."""
    return _convolution(converter, op, None, op, end)


def biased(converter: Converter, op: ir.Operation, bias: ir.Value, sums: ir.Operation, end: Ending) -> ir.Value:
    """A convolution and a number for each channel that ``sums`` adds to it."""
    column = definition(bias)
    if column is None or column.name != "numeric.reshape":
        raise refuse(sums, "it adds a weight that is no vector", HINT)
    return _convolution(converter, op, column.operands[0], sums, end)


def _convolution(
    converter: Converter, op: ir.Operation, bias: ir.Value | None, sums: ir.Operation, end: Ending
) -> ir.Value:
    image, weight = op.operands
    if converter.weights.holds(image) or not converter.weights.holds(weight):
        raise refuse(op, "its second operand, and that alone, must be a weight", "products of two inputs come later")
    shape, (outer, inner, *_) = static_shape(image, op), static_shape(weight, op)
    windows = read_windows(op)
    check_windows(windows, op)
    groups = int(ir.IntegerAttr(op.attributes["groups"]).value)
    spread = _spread(inner * windows.taps, outer // groups, groups, converter, op)
    rows = converter.emit(image, op)
    if not (_is_pixelwise(windows, groups) and stream.read_stream(rows.type).beat == spread.inputs):
        rows = window(rows, windows, groups, spread.lanes, 0, spread.inputs)
    dims = len(shape) - 2
    kept = Arrangement(tuple(ir.RankedTensorType(weight.type).shape), (0, *range(2, 2 + dims), 1))
    made = Layer(inner * windows.taps, outer // groups, groups, spread.lanes, (spread.inputs, spread.outputs))
    return layer(converter, made, rows, (weight, kept), bias, sums, end)


def window(image: ir.Value, windows: Windows, groups: int, lanes: int, fill: int, at_once: int) -> ir.Value:
    """The windows of a stream of images: rows that bring ``at_once`` elements of each lane in a beat."""
    frame = stream.read_stream(image.type)
    batch, channels, *sizes = frame.shape
    pixels = batch * _product(windows.sizes(sizes))
    length = channels // groups * windows.taps * lanes
    element = ir.IntegerType.get_signless(frame.bits)
    made = stream.WindowOp(
        image=image,
        **{name: stream.integers(getattr(windows, name)) for name in ("kernel", "strides", "padding", "dilation")},
        groups=stream.integer(groups),
        lanes=stream.integer(lanes),
        fill=stream.integer(fill),
        output=stream.stream_type(element, lanes * at_once, [pixels * groups // lanes, length]),
    )
    if any(windows.over):
        made.operation.attributes["over"] = stream.integers(windows.over)
    return made.output


def check_windows(windows: Windows, op: ir.Operation) -> None:
    """Refuse windows that hardware does not slide."""
    if len(windows.kernel) > 2:
        raise refuse(op, f"its windows have {len(windows.kernel)} sizes", "hardware slides over lines and planes")
    spans = [d * (k - 1) for k, d in zip(windows.kernel, windows.dilation, strict=True)]
    if any(2 * p > span for p, span in zip(windows.padding, spans, strict=True)):
        raise refuse(
            op,
            f"padding {list(windows.padding)} makes the result larger than its image",
            "pad by half a window at most",
        )


def _is_pixelwise(windows: Windows, groups: int) -> bool:
    """Whether windows are the pixels themselves."""
    return groups == windows.taps == 1 and set(windows.strides) == {1}


def _spread(inner: int, outer: int, groups: int, converter: Converter, op: ir.Operation) -> Spread:
    """How the multipliers are used; where groups have an output each, those are what is computed at once."""
    if groups > 1 and outer == 1:
        inputs, lanes = factors(inner, groups, converter.unroll, op)
        return Spread(inputs, 1, lanes)
    return Spread(*factors(inner, outer, converter.unroll, op), 1)


def _product(sizes: tuple[int, ...]) -> int:
    count = 1
    for size in sizes:
        count *= size
    return count


RULES = {"numeric.convolution": Rule(convolution, narrows=True, biased=biased)}
