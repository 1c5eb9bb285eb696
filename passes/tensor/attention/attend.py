"""A loop over blocks of rows with the operations of a cone inside."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import affine, arith, scf

from stepwell.passes.tensor.attention.block import Block
from stepwell.passes.tensor.attention.cone import Cone
from stepwell.passes.tensor.attention.labels import is_kept
from stepwell.passes.tensor.attention.online import Running, attend_online, by_rows
from stepwell.passes.tensor.attention.softmax import Softmax, unless
from stepwell.passes.tensor.attention.sources import Sources
from stepwell.passes.tensor.build import Size, extract_slice, index, parallel_insert_slice, size_of
from stepwell.passes.tensor.structured import loops_of


@dataclass(frozen=True)
class Growing:
    """Of ``total`` keys a row sees those up to its own number plus ``more``."""

    total: Size
    more: int

    def seen(self, first: Size, count: Size) -> Size:
        """How many keys a block of rows sees."""
        if isinstance(self.total, int) and isinstance(first, int) and isinstance(count, int):
            return min(self.total, first + count + self.more)
        end = arith.addi(arith.addi(index(first), index(count)), index(self.more))
        return arith.minsi(end, index(self.total))


@dataclass(frozen=True)
class RowRange:
    """Rows ``first`` to ``end``, ``count`` in a block; the last block may be shorter where ``end`` is not static.

    ``keys`` says how many keys the rows see, None for all. Of ``total`` keys ``cut`` are met at a time, 0 for all.
    """

    first: int
    count: int
    end: Size
    keys: int | Growing | None = None
    cut: int = 0
    total: Size = 0

    @property
    def single(self) -> bool:
        """Whether one block is all."""
        return isinstance(self.end, int) and self.end - self.first <= self.count


def beneath_fill(value: ir.Value) -> ir.Value:
    """The tensor that a filled one was filled into."""
    op = value.owner.operation
    return op.operands[1] if op.name == "linalg.fill" else value


def attend(
    cone: Cone, sources: Sources, softmax: Softmax | None, running: Running | None, out: ir.Value, rows: RowRange
) -> ir.Value:
    """``out`` with the rows of ``rows`` computed, in front of the last product."""
    loops = loops_of(cone.final)
    uppers: list[Size] = [_static(loops[dim].size, out, cone.axis(dim)) for dim in cone.loops]
    lowers: list[Size] = [0] * len(uppers)
    steps: list[Size] = [1] * len(uppers)
    if not rows.single:
        lowers.append(rows.first)
        uppers.append(rows.end)
        steps.append(rows.count)
    made = scf.ForallOp(lowers, uppers, steps, [out])
    *indices, shared = made.body.arguments
    with ir.InsertionPoint(made.body):
        first: Size = rows.first if rows.single else indices[-1]
        count = _count(rows, first)
        keys = rows.keys if isinstance(rows.keys, int | None) else rows.keys.seen(first, count)
        block = Block(cone, sources, indices[: len(cone.loops)], first, count, None if rows.cut else keys)
        labels = cone.labels[cone.final.results[0]]
        offsets, sizes = block.place(shared, labels)
        kept = [axis for axis, label in enumerate(labels) if is_kept(label)]
        part = extract_slice(shared, offsets, sizes, kept)
        if rows.cut:
            assert running is not None
            product, total = attend_online(block, running, rows.cut, rows.total, keys)
            result = _quotient(cone, product, total, part, running.softmax.closed)
        else:
            result = _block(block, softmax, part)
        end = scf.InParallelOp()
        with ir.InsertionPoint(end.block):
            parallel_insert_slice(result, shared, offsets, sizes)
    return made.results[0]


def _static(size: int | None, value: ir.Value, axis: int) -> Size:
    return size if size is not None else size_of(value, axis)


def _count(rows: RowRange, first: Size) -> Size:
    if isinstance(rows.end, int):
        return rows.count
    d, s = ir.AffineDimExpr.get(0), ir.AffineDimExpr.get(1)
    left = ir.AffineMap.get(2, 0, [ir.AffineConstantExpr.get(rows.count), s - d])
    return affine.AffineMinOp(ir.AffineMapAttr.get(left), [index(first), rows.end]).result


def _block(block: Block, softmax: Softmax | None, out: ir.Value) -> ir.Value:
    cone = block.cone
    if softmax is None:
        return block.build(cone.final, into=out)
    if softmax.closed and softmax.largest is not None:
        # A row that is -inf throughout keeps weights of 0.
        shift = {softmax.largest: lambda largest: unless(largest, -math.inf, 0.0)}
        block.set(softmax.exponentials, block.build(softmax.exponentials.owner.operation, change=shift))
    # The sum stands next to the exponentials, so that a row is read once for both.
    exponentials, total = block.value(softmax.exponentials), block.value(softmax.total)
    product = block.build(cone.final, instead={cone.weights: exponentials})
    return _quotient(cone, product, total, out, zero=True)


def _quotient(cone: Cone, product: ir.Value, total: ir.Value, out: ir.Value, zero: bool) -> ir.Value:
    """``product`` by the sum of its row, and with ``zero`` by 1 where nothing was summed."""

    def divide(number: ir.Value, sum_: ir.Value) -> ir.Value:
        return arith.divf(number, unless(sum_, 0.0, 1.0) if zero else sum_)

    return by_rows(cone, product, total, out, divide)
