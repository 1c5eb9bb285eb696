"""Operations of ``stream`` where streams come in and go out."""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result, result

from stepwell.dialects.numeric_rules import read_format
from stepwell.dialects.rules import Violation, check_word, verifier
from stepwell.dialects.stream_types import Stream, element_bits, read_stream
from stepwell.support.fixed_point import OVERFLOWS, ROUNDINGS


class SourceOp(Stream.Operation, name="source"):
    """The stream on which the input called ``input`` arrives."""

    input: ir.StringAttr
    output: Result[Any] = result()


class SinkOp(Stream.Operation, name="sink"):
    """Sends a stream out as the result called ``output``."""

    stream: Operand[Any]
    output: ir.StringAttr


def _floats(op: ir.Operation, stream: ir.Value) -> None:
    """A format that the elements of the stream hold."""
    kind = read_format(ir.TypeAttr(op.attributes["format"]).value)
    if kind is None:
        raise Violation(f"has format {op.attributes['format']}; it is a fixed-point format")
    bits = read_stream(stream.type).bits
    if bits != element_bits(kind):
        raise Violation(f"has a stream of {bits} bits; elements of {kind} have {element_bits(kind)}")


def _float_source(op: ir.Operation) -> None:
    """The words of `numeric.quantize` beside the format."""
    check_word(op, "rounding", ROUNDINGS)
    check_word(op, "overflow", OVERFLOWS)
    _floats(op, op.results[0])


def _float_sink(op: ir.Operation) -> None:
    _floats(op, op.operands[0])


class FloatSourceOp(Stream.Operation, name="float_source"):
    """A source whose input is floats: whoever feeds the hardware quantises them, as ``numeric.quantize`` says."""

    input: ir.StringAttr
    format: ir.TypeAttr
    rounding: ir.StringAttr
    overflow: ir.StringAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_float_source))


class FloatSinkOp(Stream.Operation, name="float_sink"):
    """A sink whose numbers are of ``format``: they become f32 outside of the hardware."""

    stream: Operand[Any]
    output: ir.StringAttr
    format: ir.TypeAttr
    verify_invariants = staticmethod(verifier(_float_sink))


class ScaledSourceOp(Stream.Operation, name="scaled_source"):
    """A source whose input is f32: quantised outside of the hardware, as ``numeric.quantize_scaled`` says."""

    input: ir.StringAttr
    scale: ir.FloatAttr
    way: ir.StringAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    output: Result[Any] = result()


class ScaledSinkOp(Stream.Operation, name="scaled_sink"):
    """A sink whose integers become f32 outside of the hardware: each times ``scale``."""

    stream: Operand[Any]
    output: ir.StringAttr
    scale: ir.FloatAttr
