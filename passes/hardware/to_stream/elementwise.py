"""Sums, products and casts, element by element."""

from __future__ import annotations

from typing import Any

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.hardware.fixed_values import Ending, ending, format_of, refuse, static_shape
from stepwell.passes.hardware.to_stream.converter import HINT, Converter, Rule, rescale_attributes, stream_of


def add(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A bias of what is added to, or the sum of two streams."""
    left, right = op.operands
    if not converter.weights.holds(right):
        return _pointwise(stream.AddOp, converter, op, end, beat)
    layer = definition(left)
    rule = converter.rules.get(layer.name) if layer is not None else None
    if layer is None or rule is None or rule.biased is None:
        raise refuse(op, "it adds a weight that is no bias of a product", HINT)
    converter.take(left, op)
    return rule.biased(converter, layer, right, op, end)


def multiply(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """The product of two streams."""
    return _pointwise(stream.MultiplyOp, converter, op, end, beat)


def cast(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Another format for what no component before it casts."""
    return _rescaled(converter, op, 1, format_of(op.operands[0]).frac - end.kind.frac, beat)


def requantize(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Another scale."""
    multiplier, shift = (int(ir.IntegerAttr(op.attributes[name]).value) for name in ("multiplier", "shift"))
    return _rescaled(converter, op, multiplier, shift, beat)


def _rescaled(converter: Converter, op: ir.Operation, multiplier: int, shift: int, beat: int | None) -> ir.Value:
    """Every element times ``multiplier * 2**-shift``."""
    multiplier <<= max(0, -shift)
    low, high = (end * multiplier for end in format_of(op.operands[0]).range)
    end = ending(op, (low, high), max(0, shift))
    shape = static_shape(op.results[0], op)
    beat = beat or converter.beat(shape, op)
    return stream.RequantizeOp(
        value=converter.emit(op.operands[0], op, beat),
        multiplier=stream.integer(multiplier),
        **rescale_attributes(end),
        output=stream_of(end, beat, shape),
    ).output


def _pointwise(kind: Any, converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Two streams in step."""
    shape = static_shape(op.results[0], op)
    for operand in op.operands:
        if converter.weights.holds(operand):
            raise refuse(op, "it computes with a weight, element by element", HINT)
        if static_shape(operand, op) != shape:
            raise refuse(op, "it reads one row for all rows", HINT)
    beat = beat or converter.beat(shape, op)
    left, right = (converter.emit(operand, op, beat) for operand in op.operands)
    return kind(left=left, right=right, **rescale_attributes(end), output=stream_of(end, beat, shape)).output


RULES = {
    "numeric.add": Rule(add, narrows=True),
    "numeric.multiply": Rule(multiply, narrows=True),
    "numeric.cast": Rule(cast),
    "numeric.requantize": Rule(requantize),
}
