"""Sums, products and casts, element by element; a weight comes as a stream of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.dialects.numeric_scale_rules import read_ends
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.hardware.fixed_values import Ending, ending, format_of, refuse, static_shape
from stepwell.passes.hardware.fixed_weights import FixedWeight
from stepwell.passes.hardware.to_stream.converter import HINT, Converter, Rule, rescale_attributes, stream_of
from stepwell.support.orders import ROW_MAJOR


def add(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A bias of what is added to, or the sum of two streams."""
    left, right = op.operands
    layer = definition(left)
    rule = converter.rules.get(layer.name) if layer is not None else None
    is_bias = converter.weights.holds(right) and _is_for_channels(right, op) and converter.is_alone(left)
    if is_bias and layer is not None and rule is not None and rule.biased is not None:
        return rule.biased(converter, layer, right, op, end)
    return _pointwise(stream.AddOp, converter, op, end, beat)


def _is_for_channels(bias: ir.Value, op: ir.Operation) -> bool:
    """Whether ``bias`` has a number for each column, or each channel of an image."""
    shape = list(ir.RankedTensorType(op.results[0].type).shape)
    return len(shape) > 1 and list(ir.RankedTensorType(bias.type).shape) == [shape[1], *[1] * (len(shape) - 2)]


def multiply(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """The product of two streams."""
    return _pointwise(stream.MultiplyOp, converter, op, end, beat)


def cast(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Another format for what no component before it casts."""
    return _rescaled(converter, op, beat)


def requantize(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Another scale."""
    return _rescaled(converter, op, beat)


def clamp(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Ends of its own; a change of scale or format that it alone reads ends with them."""
    value = op.operands[0]
    source = definition(value)
    if source is not None and source.name in _RESCALES and converter.is_alone(value):
        return _rescaled(converter, source, beat, last=op)
    shape = static_shape(op.results[0], op)
    beat = beat or converter.beat(shape, op)
    return _requantize(converter, op, 1, replace(end, clamp=read_ends(op)), beat)


_RESCALES = ("numeric.cast", "numeric.requantize")


def _rescaled(converter: Converter, op: ir.Operation, beat: int | None, last: ir.Operation | None = None) -> ir.Value:
    """Every element times a constant, as ``op`` says, between the ends of ``last`` if there is one."""
    if op.name == "numeric.cast":
        multiplier, shift = 1, format_of(op.operands[0]).frac - format_of(op.results[0]).frac
    else:
        multiplier, shift = (int(ir.IntegerAttr(op.attributes[name]).value) for name in ("multiplier", "shift"))
    multiplier <<= max(0, -shift)
    low, high = (end * multiplier for end in format_of(op.operands[0]).range)
    end = ending(op, (low, high), max(0, shift))
    if last is not None:
        low, high = read_ends(last)
        ends = max(low, end.clamp[0]), min(high, end.clamp[1])
        end = replace(end, kind=format_of(last.results[0]), clamp=ends)
    shape = static_shape(op.results[0], op)
    return _requantize(converter, op, multiplier, end, beat or converter.beat(shape, op))


def sign(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """1 or -1."""
    shape = static_shape(op.results[0], op)
    beat = beat or converter.beat(shape, op)
    value = converter.emit(op.operands[0], op, beat)
    output = stream_of(end, beat, shape, converter.order(op.results[0]))
    return stream.SignOp(value=value, **rescale_attributes(end), output=output).output


def _requantize(converter: Converter, op: ir.Operation, multiplier: int, end: Ending, beat: int) -> ir.Value:
    """The component; ``op`` reads its input."""
    return stream.RequantizeOp(
        value=converter.emit(op.operands[0], op, beat),
        multiplier=stream.integer(multiplier),
        **rescale_attributes(end),
        output=stream_of(end, beat, static_shape(op.results[0], op), converter.order(op.results[0])),
    ).output


def _pointwise(kind: Any, converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Two streams in step."""
    shape = static_shape(op.results[0], op)
    beat = beat or converter.beat(shape, op)
    left, right = (operand_of(converter, operand, op, shape, beat) for operand in op.operands)
    output = stream_of(end, beat, shape, converter.order(op.results[0]))
    return kind(left=left, right=right, **rescale_attributes(end), output=output).output


def operand_of(converter: Converter, value: ir.Value, op: ir.Operation, shape: tuple[int, ...], beat: int) -> ir.Value:
    """What ``op`` reads for frames of ``shape``: as it streams in, or a weight for as long as the frame."""
    own = ir.RankedTensorType(value.type).shape
    if converter.weights.holds(value):
        if converter.order(op.results[0]) != ROW_MAJOR:
            return _channel_weight(converter, value, op, shape, beat)
        weight = converter.weights.read(value)
        if weight.transposed:
            raise refuse(op, "it computes with a transposed weight, element by element", "store the weight transposed")
        return _weight(weight, own, shape, beat)
    if static_shape(value, op) != shape:
        raise refuse(op, "it reads one row for all rows", HINT)
    return converter.emit(value, op, beat)


def _channel_weight(
    converter: Converter, value: ir.Value, op: ir.Operation, shape: tuple[int, ...], beat: int
) -> ir.Value:
    """A number for each channel of images, which come pixel after pixel."""
    batch, channels, *sizes = shape
    column = definition(value)
    row = column.operands[0] if column is not None and column.name == "numeric.reshape" else value
    if list(ir.RankedTensorType(row.type).shape) != [channels]:
        raise refuse(op, "it computes with a weight that has not one number for each channel of images", HINT)
    weight = converter.weights.read(row)
    rows = _weight(weight, [channels], (batch * math.prod(sizes), channels), beat)
    order = converter.order(op.results[0])
    images = stream.stream_type(ir.IntegerType.get_signless(weight.bits), beat, shape, order)
    return stream.ReshapeOp(value=rows, output=images).output


def _weight(weight: FixedWeight, own: Sequence[int], shape: tuple[int, ...], beat: int) -> ir.Value:
    """A weight of shape ``own`` for frames of ``shape``."""
    element = ir.IntegerType.get_signless(weight.bits)
    return stream.WeightOp(
        weight=ir.StringAttr.get(weight.name),
        weight_shape=stream.integers(own),
        output=stream.stream_type(element, beat, shape),
    ).output


RULES = {
    "numeric.add": Rule(add, narrows=True),
    "numeric.multiply": Rule(multiply, narrows=True),
    "numeric.cast": Rule(cast),
    "numeric.clamp": Rule(clamp),
    "numeric.requantize": Rule(requantize),
    "numeric.sign": Rule(sign),
}
