"""Functions of elements and of rows."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.dialects.numeric_function_rules import normalization
from stepwell.passes.hardware.fixed_values import Ending, format_of, refuse, static_shape, word
from stepwell.passes.hardware.to_stream.converter import Converter, Rule, rescale_attributes, stream_of
from stepwell.passes.hardware.to_stream.layout import in_order, rows
from stepwell.support.fixed_point import Format
from stepwell.support.orders import ROW_MAJOR
from stepwell.support.scaled_softmax import ScaledSoftmax, softmax_numbers


def table(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A function of every element."""
    shape = static_shape(op.results[0], op)
    beat = beat or converter.beat(shape, op)
    return stream.TableOp(
        value=converter.emit(op.operands[0], op, beat),
        function=op.attributes["function"],
        source=_numbers(format_of(op.operands[0])),
        format=_numbers(end.kind),
        rounding=op.attributes["rounding"],
        output=stream_of(end, beat, shape, converter.order(op.results[0])),
    ).output


def softmax(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Softmax of every row."""
    value, output = _rows(converter, op, end, beat)
    precision = int(ir.IntegerAttr(op.attributes["precision"]).value)
    numbers = softmax_numbers(static_shape(op.operands[0], op)[-1], _elements(op), precision)
    made = stream.ScaledSoftmaxOp if isinstance(numbers, ScaledSoftmax) else stream.SoftmaxOp
    result = made(
        value=value,
        frac=stream.integer(format_of(op.operands[0]).frac),
        precision=stream.integer(precision),
        **rescale_attributes(_ending(op, end, numbers.fraction)),
        output=output,
    ).output
    return in_order(converter, result, op.results[0])


def normalize(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Every row over a root."""
    numbers = normalization(op, _elements(op))
    if numbers.offset >= 1 << 63:
        raise refuse(op, "its epsilon is an integer of more than 64 bits", "quantise to fewer bits")
    value, output = _rows(converter, op, end, beat)
    made = stream.NormalizeOp(
        value=value,
        centered=stream.integer(numbers.centered),
        offset=stream.integer(numbers.offset),
        precision=stream.integer(numbers.precision),
        **rescale_attributes(_ending(op, end, numbers.fraction)),
        output=output,
    ).output
    return in_order(converter, made, op.results[0])


def _rows(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> tuple[ir.Value, ir.Type]:
    """The rows that ``op`` reads, and the type of those that it makes."""
    shape = static_shape(op.results[0], op)
    beat = math.gcd(beat or converter.beat(shape, op), shape[-1])
    return rows(converter, op.operands[0], op, beat), stream_of(end, beat, shape, ROW_MAJOR)


def _elements(op: ir.Operation) -> Format:
    """The format of what ``op`` reads as elements of streams are: signed."""
    kind = format_of(op.operands[0])
    return Format(stream.element_bits(kind), kind.frac)


def _ending(op: ir.Operation, end: Ending, fraction: int) -> Ending:
    """Products of so many bits of fraction end as numbers of the result's format."""
    return Ending(end.kind, fraction - end.kind.frac, word(op, "rounding"), end.kind.range)


def _numbers(kind: Format) -> ir.ArrayAttr:
    return stream.integers([kind.width, kind.frac, int(kind.signed)])


RULES = {"numeric.table": Rule(table), "numeric.softmax": Rule(softmax), "numeric.normalize": Rule(normalize)}
