"""Parts of streams, and streams behind each other."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.dialects.numeric_layout_rules import read_part
from stepwell.passes.hardware.fixed_values import Ending, static_shape
from stepwell.passes.hardware.to_stream.converter import Converter, Rule, stream_of
from stepwell.passes.hardware.to_stream.elementwise import operand_of
from stepwell.passes.hardware.to_stream.layout import as_they_come, in_order, seen
from stepwell.support.orders import ROW_MAJOR, dimensions


def take(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A part of each frame, in beats that it does not cut."""
    order = converter.order(op.operands[0])
    before, after = static_shape(op.operands[0], op), static_shape(op.results[0], op)
    dims = dimensions(len(before), order)
    axis, kept = int(ir.IntegerAttr(op.attributes["axis"]).value), read_part(op)
    cuts = ((kept.start, kept.stop) if kept.step == 1 else (1,)) if axis == dims[-1] else ()
    beat = math.gcd(beat or converter.beat(after, op), before[dims[-1]], after[dims[-1]], *cuts)
    value = as_they_come(converter.emit(op.operands[0], op, beat))
    sizes = tuple(after[dim] for dim in dims)
    part = stream.SliceOp(
        value=value,
        axis=stream.integer(dims.index(axis)),
        start=stream.integer(kept.start),
        stop=stream.integer(kept.stop),
        output=stream_of(end, beat, sizes, ROW_MAJOR),
    )
    if kept.step > 1:
        part.operation.attributes["step"] = stream.integer(kept.step)
    return in_order(converter, seen(part.output, after, order), op.results[0])


def concat(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """Frames behind each other, in beats that neither cuts; one side may be a weight."""
    order = converter.order(op.results[0])
    shape = static_shape(op.results[0], op)
    dims = dimensions(len(shape), order)
    sides = [static_shape(operand, op) for operand in op.operands]
    beat = math.gcd(beat or converter.beat(shape, op), *(side[dims[-1]] for side in sides))
    left, right = (
        as_they_come(operand_of(converter, operand, op, side, beat))
        for operand, side in zip(op.operands, sides, strict=True)
    )
    axis = dims.index(int(ir.IntegerAttr(op.attributes["axis"]).value))
    output = stream_of(end, beat, tuple(shape[dim] for dim in dims), ROW_MAJOR)
    joined = stream.ConcatOp(left=left, right=right, axis=stream.integer(axis), output=output).output
    return seen(joined, shape, order)


RULES = {"numeric.slice": Rule(take), "numeric.concat": Rule(concat)}
