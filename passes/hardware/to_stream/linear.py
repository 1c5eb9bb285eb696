"""Products with a weight: ``stream.linear``."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.hardware.entry import factors
from stepwell.passes.hardware.fixed_values import Ending, format_of, refuse, static_shape
from stepwell.passes.hardware.fixed_weights import Arrangement
from stepwell.passes.hardware.to_stream.converter import Converter, Rule, rescale_attributes, stream_of
from stepwell.passes.hardware.to_stream.matmul import product_of_streams
from stepwell.support.orders import ROW_MAJOR


@dataclass(frozen=True)
class Layer:
    """Sizes of a ``stream.linear``."""

    inner: int
    outer: int
    groups: int
    lanes: int
    unroll: tuple[int, int]


def matmul(converter: Converter, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
    """A product alone, with a weight or with another value."""
    left, right = op.operands
    if not converter.weights.holds(left) and not converter.weights.holds(right):
        return product_of_streams(converter, op, end)
    return _linear(converter, op, None, op, end)


def biased(converter: Converter, op: ir.Operation, bias: ir.Value, sums: ir.Operation, end: Ending) -> ir.Value:
    """A product and the row that ``sums`` adds to it."""
    return _linear(converter, op, bias, sums, end)


def layer(
    converter: Converter,
    sizes: Layer,
    rows: ir.Value,
    weight: tuple[ir.Value, Arrangement | None],
    bias: ir.Value | None,
    sums: ir.Operation,
    end: Ending,
) -> ir.Value:
    """The component that multiplies ``rows``, a stream, by a weight as it is or arranged; ``sums`` is what it makes."""
    matrix = converter.weights.read(*weight)
    vector = converter.weights.read(bias) if bias is not None else None
    shape, by_output = static_shape(sums.results[0], sums), sizes.lanes * sizes.unroll[1]
    with sums.location:
        return stream.LinearOp(
            rows=rows,
            weight=ir.StringAttr.get(matrix.name),
            weight_bits=stream.integer(matrix.bits),
            weight_layout=ir.StringAttr.get("nk" if matrix.transposed else "kn"),
            bias=ir.StringAttr.get(vector.name if vector else ""),
            bias_bits=stream.integer(vector.bits if vector else matrix.bits),
            inner=stream.integer(sizes.inner),
            outer=stream.integer(sizes.outer),
            groups=stream.integer(sizes.groups),
            lanes=stream.integer(sizes.lanes),
            unroll=stream.integers(sizes.unroll),
            accumulator=stream.integer(stream.element_bits(format_of(sums.results[0]))),
            **rescale_attributes(end),
            output=stream_of(end, by_output, shape, converter.order(sums.results[0])),
        ).output


def _linear(
    converter: Converter, product: ir.Operation, bias: ir.Value | None, sums: ir.Operation, end: Ending
) -> ir.Value:
    rows, weight = product.operands
    if converter.weights.holds(rows) or not converter.weights.holds(weight):
        raise refuse(product, "a weight must be its second operand, and that alone", "transpose both and the result")
    inner, outer = static_shape(weight, product)
    unroll = factors(inner, outer, converter.unroll, product)
    image = _flattened_image(converter, rows)
    if image is None:
        arriving, kept = converter.emit(rows, product, unroll[0]), None
    else:
        flatten = definition(rows)
        assert flatten is not None
        arriving, kept = converter.emit(image, flatten, unroll[0]), _as_pixels_come(image)
    return layer(converter, Layer(inner, outer, 1, 1, unroll), arriving, (weight, kept), bias, sums, end)


def _flattened_image(converter: Converter, rows: ir.Value) -> ir.Value | None:
    """The stream of images that ``rows`` are, each as one row; None where they are no such thing."""
    op = definition(rows)
    if op is None or op.name != "numeric.reshape" or converter.order(op.operands[0]) == ROW_MAJOR:
        return None
    before, after = (ir.RankedTensorType(value.type).shape for value in (op.operands[0], rows))
    return op.operands[0] if before[:1] == after[:1] and len(after) == 2 else None


def _as_pixels_come(image: ir.Value) -> Arrangement:
    """A weight's inputs, which count channel by channel, in the order of pixels."""
    _, channels, *sizes = ir.RankedTensorType(image.type).shape
    return Arrangement((-1, channels, *sizes), (0, *range(2, 2 + len(sizes)), 1))


RULES = {"numeric.matmul": Rule(matmul, narrows=True, biased=biased)}
