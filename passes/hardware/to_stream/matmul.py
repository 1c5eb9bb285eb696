"""Products of two streams: ``stream.matmul``."""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.hardware.entry import factors
from stepwell.passes.hardware.fixed_values import Ending, format_of, static_shape
from stepwell.passes.hardware.to_stream.converter import Converter, rescale_attributes, stream_of
from stepwell.passes.hardware.to_stream.layout import in_order, permutation, reordered, rows
from stepwell.support.beats import right_beat
from stepwell.support.orders import ROW_MAJOR


def product_of_streams(converter: Converter, op: ir.Operation, end: Ending) -> ir.Value:
    """``numeric.matmul`` of two values; a right one that comes transposed is read as it was before."""
    left, right = op.operands
    inner, outer = static_shape(right, op)[-2:]
    unroll = factors(inner, outer, converter.unroll, op)
    columns = _before_transposition(converter, right)
    layout = "kn" if columns is None else "nk"
    # Who feeds the hardware may send as much as is multiplied at once; adapting other streams to that takes registers.
    beat = right_beat(layout, inner, outer, unroll, whole=converter.is_input(right))
    matrices = rows(converter, right, op, beat) if columns is None else columns(beat)
    made = stream.MatmulOp(
        left=rows(converter, left, op, unroll[0]),
        right=matrices,
        layout=ir.StringAttr.get(layout),
        inner=stream.integer(inner),
        outer=stream.integer(outer),
        unroll=stream.integers(unroll),
        accumulator=stream.integer(stream.element_bits(format_of(op.results[0]))),
        **rescale_attributes(end),
        output=stream_of(end, unroll[1], static_shape(op.results[0], op), ROW_MAJOR),
    ).output
    return in_order(converter, made, op.results[0])


def _before_transposition(converter: Converter, value: ir.Value) -> Callable[[int], ir.Value] | None:
    """Makes the stream of ``value`` with its last two dimensions exchanged, where that is how it comes; else None."""
    op = definition(value)
    if op is None or op.name != "numeric.transpose" or not converter.is_alone(value):
        return None
    *batch, row, column = permutation(op)
    if row != len(batch) + 1:
        return None

    def columns(beat: int) -> ir.Value:
        order = [*batch, column, row]
        if order == sorted(order):
            return rows(converter, op.operands[0], op, beat)
        return converter.fit(reordered(converter, op, order, ROW_MAJOR, beat), beat)

    return columns
