"""``tm_tensor.scatter``: updates written or accumulated at computed places."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, cf, linalg, tensor

from stepwell.passes.tensor.build import (
    Size,
    extract_slice,
    index,
    inline_body,
    insert_slice,
    loop,
    size_of,
    sizes_of,
)
from stepwell.passes.tensor.tm_tensor import Operation


def lower_scatter(scatter: Operation, *, check_bounds: bool) -> list[ir.Value]:
    """One loop over the updates, in order, so that the last write wins and equal places accumulate.

    Row ``n`` of the indices says where update ``n`` starts in the dimensions of ``dimension_map``, counted from the
    end if negative; the update's own dimensions are the last ones of the result.
    """
    assert scatter.body is not None
    body = scatter.body
    updates, indices = scatter.inputs
    (original,) = scatter.outputs
    mapped = list(ir.DenseI64ArrayAttr(scatter.op.attributes["dimension_map"]))
    rank = ir.RankedTensorType(original.type).rank
    update_sizes = sizes_of(updates)
    lead = rank - (len(update_sizes) - 1)
    sizes: list[Size] = [1] * lead + update_sizes[1:]

    def step(n: ir.Value, carried: Sequence[ir.Value]) -> list[ir.Value]:
        (result,) = carried
        offsets: list[Size] = [0] * rank
        for position, dim in enumerate(mapped):
            offsets[dim] = _start(indices, n, position, size_of(result, dim), sizes[dim], check_bounds)
        if all(size == 1 for size in sizes):
            return [_update_element(body, updates, n, result, [index(offset) for offset in offsets])]
        keep = list(range(1, len(update_sizes)))
        update = extract_slice(updates, [n, *[0] * len(keep)], [1, *update_sizes[1:]], keep)
        old = extract_slice(result, offsets, sizes, range(lead, rank))
        return [insert_slice(_update_slice(body, update, old), result, offsets, sizes)]

    return loop(update_sizes[0], [original], step)


def _start(indices: ir.Value, n: ir.Value, position: int, size: Size, extent: Size, check_bounds: bool) -> ir.Value:
    """Where update ``n`` starts along one dimension of ``size``, of which it takes ``extent``."""
    given = tensor.ExtractOp(indices, [n, index(position)]).result
    start = arith.IndexCastOp(ir.IndexType.get(), given).result
    zero = index(0)
    negative = arith.CmpIOp(arith.CmpIPredicate.slt, start, zero).result
    start = arith.SelectOp(negative, arith.AddIOp(start, index(size)).result, start).result
    if check_bounds:
        last = arith.SubIOp(index(size), index(extent)).result
        above = arith.CmpIOp(arith.CmpIPredicate.sge, start, zero).result
        below = arith.CmpIOp(arith.CmpIPredicate.sle, start, last).result
        cf.AssertOp(arith.AndIOp(above, below).result, "scatter: index out of range")
    return start


def _update_element(
    body: ir.Block, updates: ir.Value, n: ir.Value, result: ir.Value, place: list[ir.Value]
) -> ir.Value:
    rank = ir.RankedTensorType(updates.type).rank
    update = tensor.ExtractOp(updates, [n, *[index(0)] * (rank - 1)]).result
    old = tensor.ExtractOp(result, place).result
    (new,) = inline_body(body, [update, old])
    return tensor.InsertOp(new, result, place).result


def _update_slice(body: ir.Block, update: ir.Value, old: ir.Value) -> ir.Value:
    rank = ir.RankedTensorType(old.type).rank
    same = ir.AffineMapAttr.get(ir.AffineMap.get_identity(rank))
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    generic = linalg.GenericOp(
        [old.type], [update], [old], ir.ArrayAttr.get([same] * 2), ir.ArrayAttr.get([parallel] * rank)
    )
    kind = ir.RankedTensorType(old.type).element_type
    block = generic.regions[0].blocks.append(kind, kind, arg_locs=[ir.Location.current] * 2)
    with ir.InsertionPoint(block):
        linalg.YieldOp(inline_body(body, list(block.arguments)))
    return generic.results[0]
