"""``tm_tensor.topk``: the first k elements of an order along one dimension."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, tensor

from stepwell.passes.tensor.build import Size, extract_slice, insert_slice, loop, loops, size_of, sizes_of
from stepwell.passes.tensor.tm_tensor import Operation
from stepwell.passes.tensor.tm_tensor.order import comes_before


def lower_topk(topk: Operation) -> list[ir.Value]:
    """Insert every element into the sorted list of the best k; of equal elements the one with the lower index wins."""
    assert topk.body is not None
    body = topk.body
    values, *given = topk.inputs
    dim = topk.integer("dimension")
    sizes = sizes_of(values)
    best = size_of(topk.outputs[0], dim)
    index_type = ir.RankedTensorType(topk.outputs[1].type).element_type
    others = [other for other in range(len(sizes)) if other != dim]
    row_sizes: list[Size] = [size if other == dim else 1 for other, size in enumerate(sizes)]
    best_sizes: list[Size] = [best if other == dim else 1 for other in range(len(sizes))]

    def row(indices: list[ir.Value], carried: Sequence[ir.Value]) -> list[ir.Value]:
        offsets: list[Size] = [0] * len(sizes)
        for other, i in zip(others, indices, strict=True):
            offsets[other] = i
        sources = [extract_slice(value, offsets, row_sizes, [dim]) for value in (values, *given)]
        lists = [extract_slice(value, offsets, best_sizes, [dim]) for value in carried]

        def element(j: ir.Value, kept: Sequence[ir.Value]) -> list[ir.Value]:
            value = tensor.ExtractOp(sources[0], [j]).result
            if given:
                number = tensor.ExtractOp(sources[1], [j]).result
            else:
                number = arith.IndexCastOp(index_type, j).result
            _, _, *after = loop(best, [value, number, *kept], lambda p, state: _insert(body, p, state))
            return after

        done = loop(sizes[dim], lists, element)
        return [insert_slice(new, old, offsets, best_sizes) for new, old in zip(done, carried, strict=True)]

    return loops([sizes[other] for other in others], topk.outputs, row)


def _insert(body: ir.Block, place: ir.Value, state: Sequence[ir.Value]) -> list[ir.Value]:
    """Compare the element in hand with the one at ``place``: the better stays, the other is carried on."""
    value, number, values, numbers = state
    old_value = tensor.ExtractOp(values, [place]).result
    old_number = tensor.ExtractOp(numbers, [place]).result
    forward = comes_before(body, [value, old_value])
    backward = comes_before(body, [old_value, value])
    equal = arith.CmpIOp(arith.CmpIPredicate.eq, forward, backward).result
    earlier = arith.CmpIOp(arith.CmpIPredicate.slt, number, old_number).result
    wins = arith.SelectOp(equal, earlier, forward).result
    return [
        arith.SelectOp(wins, old_value, value).result,
        arith.SelectOp(wins, old_number, number).result,
        tensor.InsertOp(arith.SelectOp(wins, value, old_value).result, values, [place]).result,
        tensor.InsertOp(arith.SelectOp(wins, number, old_number).result, numbers, [place]).result,
    ]
