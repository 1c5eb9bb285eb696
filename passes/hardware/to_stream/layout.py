"""What moves numbers: other shapes and fractions, which need no hardware, and other orders, which need memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.hardware.fixed_values import Ending, format_of, refuse, static_shape
from stepwell.passes.hardware.to_stream.converter import Converter, Rule
from stepwell.passes.hardware.to_stream.order import keeps_channels
from stepwell.support.orders import CHANNELS_LAST, ROW_MAJOR, dimensions, innermost


def reshape(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """The same elements in the same order; images whose pixels are counted in another way, or that come row by row."""
    operand, result = op.operands[0], op.results[0]
    before, after = static_shape(operand, op), static_shape(result, op)
    given, wanted = converter.order(operand), converter.order(result)
    beat = beat or converter.beat(after, op)
    if (keeps_channels(op) and given == wanted) or (_are_rows(before, given) and _are_rows(after, wanted)):
        value = converter.emit(operand, op, math.gcd(beat, innermost(before, given)))
        return stream.ReshapeOp(value=value, output=_like(value, after, wanted)).output
    value = rows(converter, operand, op, math.gcd(beat, before[-1], after[-1]))
    return in_order(converter, stream.ReshapeOp(value=value, output=_like(value, after)).output, result)


def transpose(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A frame in another order; nothing where it comes so already, as rows do that become pixels."""
    return reordered(converter, op, permutation(op), converter.order(op.results[0]), beat)


def reinterpret(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """The same integers with another fraction."""
    if format_of(op.operands[0]).signed != end.kind.signed:
        raise refuse(op, "it changes the sign of numbers", "cast instead")
    return converter.emit(op.operands[0], op, beat)


def reordered(
    converter: Converter, op: ir.Operation, permutation: Sequence[int], wanted: str, beat: int | None
) -> ir.Value:
    """What ``op`` reads with its dimensions permuted, in the order ``wanted``."""
    before = static_shape(op.operands[0], op)
    after = tuple(before[dim] for dim in permutation)
    given = dimensions(len(before), converter.order(op.operands[0]))
    leaving = tuple(permutation[dim] for dim in dimensions(len(after), wanted))
    beat = _whole_beat(before, given, leaving, beat or converter.beat(after, op))
    return _moved(_arriving(converter, op.operands[0], op, beat), before, given, leaving, (after, wanted))


def rows(converter: Converter, value: ir.Value, reader: ir.Operation, beat: int | None = None) -> ir.Value:
    """The stream of ``value`` row by row; images, which come pixel after pixel, are put in that order once for all."""
    if converter.order(value) == ROW_MAJOR:
        return converter.emit(value, reader, beat)
    if value not in converter.rows:
        shape = static_shape(value, reader)
        given, wanted = dimensions(len(shape), CHANNELS_LAST), dimensions(len(shape), ROW_MAJOR)
        image = _arriving(converter, value, reader, _whole_beat(shape, given, wanted, beat or shape[1]))
        converter.rows[value] = _moved(image, shape, given, wanted, (shape, ROW_MAJOR))
    return converter.fit(converter.rows[value], beat)


def in_order(converter: Converter, made: ir.Value, value: ir.Value) -> ir.Value:
    """``made``, the stream of ``value`` in whatever order, in the one in which ``value`` is read."""
    frame, wanted = stream.read_stream(made.type), converter.order(value)
    if frame.order == wanted:
        return made
    given, leaving = dimensions(len(frame.shape), frame.order), dimensions(len(frame.shape), wanted)
    made = converter.fit(made, _whole_beat(frame.shape, given, leaving, frame.beat))
    return _moved(made, frame.shape, given, leaving, (frame.shape, wanted))


def _arriving(converter: Converter, value: ir.Value, reader: ir.Operation, beat: int) -> ir.Value:
    """``value`` in beats of ``beat``; who makes images is not kept to those."""
    if converter.order(value) == ROW_MAJOR:
        return converter.emit(value, reader, beat)
    return converter.fit(converter.emit(value, reader), beat)


Dimensions = tuple[int, ...]


def _whole_beat(shape: tuple[int, ...], given: Dimensions, wanted: Dimensions, beat: int) -> int:
    """Elements at once of a tensor whose dimensions come as ``given`` that stay together as ``wanted``."""
    given, wanted = (tuple(dim for dim in dims if shape[dim] > 1) for dims in (given, wanted))
    return math.gcd(beat, shape[given[-1]]) if given and given[-1] == wanted[-1] else 1


def _moved(
    value: ir.Value, shape: tuple[int, ...], given: Dimensions, wanted: Dimensions, after: tuple[tuple[int, ...], str]
) -> ir.Value:
    """A stream of a tensor of ``shape`` whose dimensions come as ``given`` as a stream in which they are ``wanted``."""
    long = [[dim for dim in dims if shape[dim] > 1] for dims in (given, wanted)]
    if long[0] != long[1]:
        value = stream.ReorderOp(
            value=seen(value, tuple(shape[dim] for dim in given), ROW_MAJOR),
            order=stream.integers([given.index(dim) for dim in wanted]),
            output=_like(value, tuple(shape[dim] for dim in wanted)),
        ).output
    return seen(value, *after)


def as_they_come(value: ir.Value) -> ir.Value:
    """Images as rows: their dimensions in the order in which they come."""
    frame = stream.read_stream(value.type)
    return seen(value, tuple(frame.shape[dim] for dim in dimensions(len(frame.shape), frame.order)), ROW_MAJOR)


def seen(value: ir.Value, shape: tuple[int, ...], order: str) -> ir.Value:
    """The same elements as they come, said to be of another shape or order."""
    kind = _like(value, shape, order)
    return value if value.type == kind else stream.ReshapeOp(value=value, output=kind).output


def _like(value: ir.Value, shape: tuple[int, ...], order: str = ROW_MAJOR) -> ir.Type:
    """The same elements and beats as a stream of ``shape``."""
    frame = stream.read_stream(value.type)
    return stream.stream_type(ir.IntegerType.get_signless(frame.bits), frame.beat, shape, order)


def _are_rows(shape: tuple[int, ...], order: str) -> bool:
    """Whether elements come row by row: so do those of images of one pixel or one channel."""
    return order == ROW_MAJOR or shape[1] == 1 or math.prod(shape[2:]) == 1


def permutation(op: ir.Operation) -> list[int]:
    """The order of a ``numeric.transpose``."""
    return [int(ir.IntegerAttr(dim).value) for dim in ir.ArrayAttr(op.attributes["permutation"])]


RULES = {
    "numeric.reshape": Rule(reshape),
    "numeric.transpose": Rule(transpose),
    "numeric.reinterpret": Rule(reinterpret),
}
