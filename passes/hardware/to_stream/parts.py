"""Parts of streams, and streams behind each other."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.hardware.fixed_values import Ending, static_shape
from stepwell.passes.hardware.to_stream.converter import Converter, Rule, stream_of
from stepwell.passes.hardware.to_stream.elementwise import operand_of
from stepwell.passes.hardware.to_stream.layout import check_row_major
from stepwell.support.orders import ROW_MAJOR


def take(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A part of each frame, in beats that it does not cut."""
    check_row_major(converter, op)
    before, after = static_shape(op.operands[0], op), static_shape(op.results[0], op)
    axis, start, stop = (ir.IntegerAttr(op.attributes[name]) for name in ("axis", "start", "stop"))
    cuts = (start.value, stop.value) if axis.value == len(before) - 1 else ()
    beat = math.gcd(beat or converter.beat(after, op), before[-1], after[-1], *cuts)
    value = converter.emit(op.operands[0], op, beat)
    output = stream_of(end, beat, after, ROW_MAJOR)
    return stream.SliceOp(value=value, axis=axis, start=start, stop=stop, output=output).output


def concat(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Frames behind each other, in beats that neither cuts; one side may be a weight."""
    check_row_major(converter, op)
    shape = static_shape(op.results[0], op)
    sides = [static_shape(operand, op) for operand in op.operands]
    beat = math.gcd(beat or converter.beat(shape, op), *(side[-1] for side in sides))
    left, right = (
        operand_of(converter, operand, op, side, beat) for operand, side in zip(op.operands, sides, strict=True)
    )
    output = stream_of(end, beat, shape, ROW_MAJOR)
    return stream.ConcatOp(left=left, right=right, axis=op.attributes["axis"], output=output).output


RULES = {"numeric.slice": Rule(take), "numeric.concat": Rule(concat)}
