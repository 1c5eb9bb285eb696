"""Inputs of the model, quantised outside of the hardware."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric, stream
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.hardware.fixed_values import Ending, refuse, static_shape, word
from stepwell.passes.hardware.to_stream.converter import HINT, Converter, Rule, stream_of


def source(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """``numeric.quantize`` of an argument."""
    shape = static_shape(op.results[0], op)
    return stream.FloatSourceOp(
        input=_input(converter, op),
        format=ir.TypeAttr.get(numeric.fixed_type(end.kind)),
        rounding=ir.StringAttr.get(word(op, "rounding")),
        overflow=ir.StringAttr.get(word(op, "overflow")),
        output=stream_of(end, beat or converter.beat(shape, op), shape),
    ).output


def scaled_source(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """``numeric.quantize_scaled`` of an argument."""
    shape = static_shape(op.results[0], op)
    return stream.ScaledSourceOp(
        input=_input(converter, op),
        **{name: op.attributes[name] for name in ("scale", "way", "low", "high")},
        output=stream_of(end, beat or converter.beat(shape, op), shape),
    ).output


def _input(converter: Converter, op: ir.Operation) -> ir.StringAttr:
    """The name of the argument that ``op`` quantises."""
    made = definition(op.operands[0])
    argument = made.operands[0] if made is not None and made.name.startswith("torch_c.") else op.operands[0]
    if argument not in converter.inputs:
        raise refuse(op, "it quantises what is no input of the model", HINT)
    converter.take(argument, op)
    return ir.StringAttr.get(converter.inputs[argument])


RULES = {"numeric.quantize": Rule(source), "numeric.quantize_scaled": Rule(scaled_source)}
