"""Products with a weight: ``stream.linear``."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.hardware.entry import factors
from stepwell.passes.hardware.fixed_values import Ending, format_of, refuse, static_shape
from stepwell.passes.hardware.to_stream.converter import Converter, Rule, rescale_attributes, stream_of


def matmul(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A product alone."""
    return _linear(converter, op, None, op, end)


def biased(converter: Converter, op: ir.Operation, bias: ir.Value, sums: ir.Operation, end: Ending) -> ir.Value:
    """A product and the row that ``sums`` adds to it."""
    return _linear(converter, op, bias, sums, end)


def _linear(
    converter: Converter, product: ir.Operation, bias: ir.Value | None, sums: ir.Operation, end: Ending
) -> ir.Value:
    rows, weight = product.operands
    if converter.weights.holds(rows) or not converter.weights.holds(weight):
        raise refuse(
            product, "its second operand, and that alone, must be a weight", "products of two inputs come later"
        )
    inner, outer = static_shape(weight, product)
    shape = static_shape(product.results[0], product)
    by_input, by_output = factors(inner, outer, converter.unroll, product)
    arriving = converter.emit(rows, product, by_input)
    matrix = converter.weights.read(weight)
    vector = converter.weights.read(bias) if bias is not None else None
    with product.location:
        return stream.LinearOp(
            rows=arriving,
            weight=ir.StringAttr.get(matrix.name),
            weight_bits=stream.integer(matrix.bits),
            weight_layout=ir.StringAttr.get("nk" if matrix.transposed else "kn"),
            bias=ir.StringAttr.get(vector.name if vector else ""),
            bias_bits=stream.integer(vector.bits if vector else matrix.bits),
            inner=stream.integer(inner),
            outer=stream.integer(outer),
            unroll=stream.integers([by_input, by_output]),
            accumulator=stream.integer(stream.element_bits(format_of(sums.results[0]))),
            **rescale_attributes(end),
            output=stream_of(end, by_output, shape),
        ).output


RULES = {"numeric.matmul": Rule(matmul, narrows=True, biased=biased)}
