"""What moves numbers: other shapes and fractions, which need no hardware, and other orders."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.hardware.fixed_values import Ending, format_of, refuse, static_shape
from stepwell.passes.hardware.to_stream.converter import Converter, Rule, stream_of
from stepwell.support.orders import CHANNELS_LAST, ROW_MAJOR, innermost


def reshape(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """The same elements in the same order: row by row, or of images of one pixel or one channel."""
    for value in (op.operands[0], op.results[0]):
        _, channels, *sizes = static_shape(value, op) if converter.order(value) != ROW_MAJOR else (1, 1)
        if channels > 1 and any(size > 1 for size in sizes):
            raise refuse(
                op, "its elements come pixel after pixel, but are read in another order", "let a linear layer follow"
            )
    before, after = static_shape(op.operands[0], op), static_shape(op.results[0], op)
    beat = math.gcd(beat or converter.beat(after, op), innermost(before, converter.order(op.operands[0])))
    value = converter.emit(op.operands[0], op, beat)
    return stream.ReshapeOp(value=value, output=stream_of(end, beat, after, converter.order(op.results[0]))).output


def transpose(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A frame in another order; rows that become pixels, their columns the channels, come in it already."""
    order = permutation(op)
    pixels = [0, len(order) - 1, *range(1, len(order) - 1)]
    if converter.order(op.results[0]) == CHANNELS_LAST and order == pixels:
        return _as_pixels(converter, op, end, beat)
    return reordered(converter, op, end, order, beat)


def _as_pixels(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Rows as they come, said to be images."""
    if converter.order(op.operands[0]) != ROW_MAJOR:
        raise refuse(op, "its elements come pixel after pixel, but are read in another order", "flatten images before")
    shape = static_shape(op.results[0], op)
    beat = math.gcd(beat or converter.beat(shape, op), shape[1])
    value = converter.emit(op.operands[0], op, beat)
    return stream.ReshapeOp(value=value, output=stream_of(end, beat, shape, CHANNELS_LAST)).output


def reinterpret(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """The same integers with another fraction."""
    if format_of(op.operands[0]).signed != end.kind.signed:
        raise refuse(op, "it changes the sign of numbers", "cast instead")
    return converter.emit(op.operands[0], op, beat)


def reordered(converter: Converter, op: ir.Operation, end: Ending, order: list[int], beat: int | None) -> ir.Value:
    """What ``op`` reads with its dimensions in ``order``; where only sizes of 1 move, nothing has to."""
    check_row_major(converter, op)
    before = static_shape(op.operands[0], op)
    after = tuple(before[dim] for dim in order)
    long = [dim for dim in order if before[dim] > 1]
    whole = long == sorted(long) or order[-1] == len(order) - 1
    beat = math.gcd(beat or converter.beat(after, op), before[-1]) if whole else 1
    value = converter.emit(op.operands[0], op, beat)
    output = stream_of(end, beat, after, ROW_MAJOR)
    if long == sorted(long):
        return stream.ReshapeOp(value=value, output=output).output
    return stream.ReorderOp(value=value, order=stream.integers(order), output=output).output


def check_row_major(converter: Converter, op: ir.Operation) -> None:
    """Refuse images, which come pixel after pixel."""
    if any(converter.order(value) != ROW_MAJOR for value in (*op.operands, *op.results)):
        raise refuse(op, "its elements come pixel after pixel, but are read in another order", "flatten images before")


def permutation(op: ir.Operation) -> list[int]:
    """The order of a ``numeric.transpose``."""
    return [int(ir.IntegerAttr(dim).value) for dim in ir.ArrayAttr(op.attributes["permutation"])]


RULES = {
    "numeric.reshape": Rule(reshape),
    "numeric.transpose": Rule(transpose),
    "numeric.reinterpret": Rule(reinterpret),
}
