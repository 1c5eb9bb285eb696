"""Inputs of the model, quantised outside of the hardware."""

from __future__ import annotations

from typing import Any

from torch_mlir import ir

from stepwell.dialects import numeric, stream
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.hardware.fixed_values import Ending, refuse, static_shape, word
from stepwell.passes.hardware.to_stream.converter import HINT, Converter, Rule, stream_of


def source(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """``numeric.quantize`` of an argument."""
    attributes = {
        "format": ir.TypeAttr.get(numeric.fixed_type(end.kind)),
        "rounding": ir.StringAttr.get(word(op, "rounding")),
        "overflow": ir.StringAttr.get(word(op, "overflow")),
    }
    return _source(stream.FloatSourceOp, converter, op, attributes, end, beat)


def scaled_source(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """``numeric.quantize_scaled`` of an argument."""
    attributes = {name: op.attributes[name] for name in ("scale", "way", "low", "high")}
    return _source(stream.ScaledSourceOp, converter, op, attributes, end, beat)


def _source(
    kind: Any,
    converter: Converter,
    op: ir.Operation,
    attributes: dict[str, ir.Attribute],
    end: Ending,
    beat: int | None,
) -> ir.Value:
    """The stream of the argument that ``op`` quantises; it arrives once."""
    made = definition(op.operands[0])
    argument = made.operands[0] if made is not None and made.name.startswith("torch_c.") else op.operands[0]
    if argument not in converter.inputs:
        raise refuse(op, "it quantises what is no input of the model", HINT)
    known = converter.sources.get(argument)
    if known is None:
        shape = static_shape(op.results[0], op)
        order = converter.order(op.results[0])
        output = stream_of(end, beat or converter.beat(shape, op), shape, order)
        known = kind(input=ir.StringAttr.get(converter.inputs[argument]), **attributes, output=output).operation
        converter.sources[argument] = known
    if {name: known.attributes[name] for name in known.attributes if name != "input"} != attributes:
        raise refuse(op, "another operation quantises this input in another way", "an input arrives in one format")
    return known.results[0]


RULES = {"numeric.quantize": Rule(source), "numeric.quantize_scaled": Rule(scaled_source)}
