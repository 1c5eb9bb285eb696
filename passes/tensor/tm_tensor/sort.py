"""``tm_tensor.sort``: a stable sort along one dimension."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, math, tensor

from stepwell.passes.tensor.build import (
    Size,
    empty,
    extract_slice,
    index,
    insert_slice,
    loop,
    loops,
    scalar,
    sizes_of,
)
from stepwell.passes.tensor.tm_tensor import Operation
from stepwell.passes.tensor.tm_tensor.order import comes_before


def lower_sort(sort: Operation) -> list[ir.Value]:
    """A bottom-up merge sort of each row: n log n comparisons, equal elements stay in order."""
    assert sort.body is not None
    body = sort.body
    dim = sort.integer("dimension")
    sizes = sizes_of(sort.outputs[0])
    others = [other for other in range(len(sizes)) if other != dim]
    row_sizes: list[Size] = [size if other == dim else 1 for other, size in enumerate(sizes)]
    elements = [ir.RankedTensorType(out.type).element_type for out in sort.outputs]
    scratch = [empty([sizes[dim]], element) for element in elements]
    passes = _passes(index(sizes[dim]))

    def sort_row(indices: list[ir.Value], carried: Sequence[ir.Value]) -> list[ir.Value]:
        offsets: list[Size] = [0] * len(sizes)
        for other, i in zip(others, indices, strict=True):
            offsets[other] = i
        rows = [extract_slice(value, offsets, row_sizes, [dim]) for value in carried]

        def merge(step: ir.Value, source: Sequence[ir.Value]) -> list[ir.Value]:
            width = arith.ShLIOp(index(1), step).result
            merged = _merge(body, source, scratch, index(sizes[dim]), width)
            return [linalg.copy(new, outs=[old]) for new, old in zip(merged, source, strict=True)]

        done = loop(passes, rows, merge)
        return [insert_slice(row, value, offsets, row_sizes) for row, value in zip(done, carried, strict=True)]

    return loops([sizes[other] for other in others], sort.outputs, sort_row)


def _passes(count: ir.Value) -> ir.Value:
    """ceil(log2(count)), 0 for an empty row: how often runs double until one holds everything."""
    i64 = ir.IntegerType.get_signless(64)
    wide = arith.IndexCastOp(i64, count).result
    last = arith.MaxSIOp(arith.SubIOp(wide, scalar(i64, 1)).result, scalar(i64, 0)).result
    bits = arith.SubIOp(scalar(i64, 64), math.CountLeadingZerosOp(last).result).result
    return arith.IndexCastOp(ir.IndexType.get(), bits).result


def _merge(
    body: ir.Block, source: Sequence[ir.Value], into: Sequence[ir.Value], count: ir.Value, width: ir.Value
) -> list[ir.Value]:
    """Merge neighbouring sorted runs of ``width`` elements of ``source`` into runs twice as long."""
    double = arith.AddIOp(width, width).result
    last = arith.SubIOp(count, index(1)).result

    def place(k: ir.Value, carried: Sequence[ir.Value]) -> list[ir.Value]:
        left, right, *merged = carried
        inside = arith.RemUIOp(k, double).result
        start = arith.SubIOp(k, inside).result
        middle = arith.MinSIOp(arith.AddIOp(start, width).result, count).result
        end = arith.MinSIOp(arith.AddIOp(start, double).result, count).result
        fresh = arith.CmpIOp(arith.CmpIPredicate.eq, inside, index(0)).result
        left = arith.SelectOp(fresh, start, left).result
        right = arith.SelectOp(fresh, middle, right).result
        # An exhausted run is read at a place that exists; what is read there is not used.
        lefts = _read(source, arith.MinSIOp(left, last).result)
        rights = _read(source, arith.MinSIOp(right, last).result)
        pairs = [value for pair in zip(lefts, rights, strict=True) for value in pair]
        before = comes_before(body, pairs)
        has_left = arith.CmpIOp(arith.CmpIPredicate.slt, left, middle).result
        no_right = arith.CmpIOp(arith.CmpIPredicate.sge, right, end).result
        take = arith.AndIOp(has_left, arith.OrIOp(no_right, before).result).result
        chosen = [arith.SelectOp(take, a, b).result for a, b in zip(lefts, rights, strict=True)]
        one, zero = index(1), index(0)
        return [
            arith.AddIOp(left, arith.SelectOp(take, one, zero).result).result,
            arith.AddIOp(right, arith.SelectOp(take, zero, one).result).result,
            *[tensor.InsertOp(value, old, [k]).result for value, old in zip(chosen, merged, strict=True)],
        ]

    return loop(count, [index(0), index(0), *into], place)[2:]


def _read(rows: Sequence[ir.Value], place: ir.Value) -> list[ir.Value]:
    return [tensor.ExtractOp(row, [place]).result for row in rows]
