"""The same elements in another shape: no hardware where they come in the same order."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.hardware.fixed_values import Ending, refuse, static_shape
from stepwell.passes.hardware.to_stream.converter import Converter, Rule, stream_of
from stepwell.support.orders import ROW_MAJOR


def reshape(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """What streams row by row, or what has one pixel or one channel."""
    operand, result = op.operands[0], op.results[0]
    images = [value for value in (operand, result) if converter.order(value) != ROW_MAJOR]
    for value in images:
        _, channels, *sizes = static_shape(value, op)
        if channels > 1 and any(size > 1 for size in sizes):
            raise refuse(
                op, "its elements come pixel after pixel, but are read in another order", "let a linear layer follow"
            )
    value = converter.emit(operand, op, beat)
    return stream.ReshapeOp(
        value=value,
        output=stream_of(end, stream.read_stream(value.type).beat, static_shape(result, op), converter.order(result)),
    ).output


RULES = {"numeric.reshape": Rule(reshape)}
