"""A block of rows against one block of keys after the other, with a running maximum, sum and product."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, scf
from torch_mlir.dialects import math as math_dialect

from stepwell.passes.buffer.types import element_bytes
from stepwell.passes.tensor.attention.block import Block, elements, generic
from stepwell.passes.tensor.attention.cone import RESHAPES, Cone, fill_of
from stepwell.passes.tensor.attention.labels import ROWS, Labels, is_kept
from stepwell.passes.tensor.attention.softmax import Softmax, constant, is_stable, source_of, unless
from stepwell.passes.tensor.build import Size, empty, index
from stepwell.passes.tensor.structured import input_count, loops_of


@dataclass(frozen=True)
class Running:
    """What goes on from one block of keys to the next.

    Attributes:
        softmax: the softmax.
        maximum, total: the operations that reduce a row.
    """

    softmax: Softmax
    maximum: ir.Operation
    total: ir.Operation


def find_running(cone: Cone, softmax: Softmax | None) -> Running | None:
    """How rows of ``cone`` go on over blocks of keys, None where they don't: only a softmax looks along a row."""
    final = cone.final
    if softmax is None or softmax.largest is None or cone.rows is None or not is_stable(cone, softmax):
        return None
    op = softmax.exponentials.owner.operation
    maximum, total = source_of(op.operands[softmax.largest]).owner.operation, source_of(softmax.total).owner.operation
    if final.results[0] not in cone.keys or not _is_cut(cone, op, maximum) or total.results[0] not in cone.keys:
        return None
    for reduction in (maximum, total):
        labels = cone.labels[reduction.results[0]]
        if [label for label in labels if is_kept(label)] != [ROWS]:
            return None
    kinds = elements([final.results[0], maximum.results[0], total.results[0], softmax.exponentials])
    # A product that goes on in narrow numbers would round once a block.
    if any(kind != kinds[0] for kind in kinds) or element_bytes(kinds[0]) < 4:
        return None
    sums = [fill_of(made.operands[input_count(made)]) for made in (total, final)]
    if any(start is None or constant(start) != 0.0 for start in sums):
        return None
    return Running(softmax, maximum, total)


def _is_cut(cone: Cone, op: ir.Operation, maximum: ir.Operation) -> bool:
    """Whether all from the scores to ``op`` can be had for some of the keys; only ``maximum`` looks at all of them."""
    waiting, seen = [op], set[ir.Operation]()
    while waiting:
        made = waiting.pop()
        if made in seen:
            continue
        seen.add(made)
        if made.name not in RESHAPES:
            if made.results[0] not in cone.keys:
                return False
            if made in cone.scores:
                continue
            if made != maximum and not all(loop.parallel for loop in loops_of(made)):
                return False
        inputs = list(made.operands)[: 1 if made.name in RESHAPES else input_count(made)]
        waiting += [value.owner.operation for value in inputs if cone.holds(value)]
    return True


#: Maximum, sum and product so far.
_State = list[ir.Value]


def attend_online(
    block: Block, running: Running, cut: int, total: Size, seen: Size | None
) -> tuple[ir.Value, ir.Value]:
    """The product and the sum of each row of ``block``, ``cut`` keys at a time; what is left of them comes first.

    Args:
        total: how many keys there are.
        seen: how many of them these rows see, None for all.
    """
    for op in block.cone.queries:
        block.value(op.results[0])
    first: Size = (total - 1) % cut + 1 if isinstance(total, int) else _left(total, cut)
    few = first if isinstance(first, int) or seen is None else _less(first, seen)
    state = _first(block.among(0, few), running, total)
    made = scf.ForOp(index(first), index(total if seen is None else seen), index(cut), state)
    with ir.InsertionPoint(made.body):
        scf.YieldOp(_next(block.among(made.induction_variable, cut), running, list(made.inner_iter_args)))
    _, sum_, product = made.results
    return product, sum_


def _left(total: ir.Value, cut: int) -> ir.Value:
    """What is left of ``total`` by blocks of ``cut``, a whole block rather than nothing."""
    before = arith.maxsi(arith.subi(total, index(1)), index(0))
    return arith.subi(total, arith.muli(arith.divui(before, index(cut)), index(cut)))


def _less(one: Size, other: Size) -> ir.Value:
    return arith.minsi(index(one), index(other))


def _first(block: Block, running: Running, total: Size) -> _State:
    most = block.value(running.maximum.results[0])
    weights = _weights(block, running)
    start = None
    if not running.softmax.closed and not isinstance(total, int):
        # The result is 0 where there are no keys, but NaN where all are -inf, which sum to 0 as well.
        kind = elements([most])[0]
        none = arith.cmpi(arith.CmpIPredicate.eq, total, index(0))
        nothing = arith.select(none, arith.constant(kind, 1.0), arith.constant(kind, 0.0))
        start = linalg.fill(nothing, outs=[empty([block.rows], kind)])
    sum_ = block.build(running.total, onto=start)
    cone = block.cone
    return [most, sum_, block.build(cone.final, instead={cone.weights: weights})]


def _next(block: Block, running: Running, state: _State) -> _State:
    """What was summed shrinks as the maximum grows."""
    cone = block.cone
    most, sum_, product = state
    here = block.build(running.maximum)
    factor = _rowwise(_shrink, [most, here], empty([block.rows], elements([most])[0]))
    most = _rowwise(lambda old, new: arith.maximumf(old, new), [most, here], most)
    block.set(running.maximum.results[0], most)
    sum_ = _rowwise(lambda old, by: arith.mulf(old, by), [sum_, factor], sum_)
    product = by_rows(cone, product, factor, product, lambda old, by: arith.mulf(old, by))
    weights = _weights(block, running)
    sum_ = block.build(running.total, onto=sum_)
    return [most, sum_, block.build(cone.final, instead={cone.weights: weights}, onto=product)]


def _weights(block: Block, running: Running) -> ir.Value:
    """The exponentials; those of a row that is -inf so far are 0."""
    softmax = running.softmax
    assert softmax.largest is not None
    shift = {softmax.largest: lambda largest: unless(largest, -math.inf, 0.0)}
    weights = block.build(softmax.exponentials.owner.operation, change=shift)
    block.set(softmax.exponentials, weights)
    return weights


def _shrink(old: ir.Value, new: ir.Value) -> ir.Value:
    most = unless(arith.maximumf(old, new), -math.inf, 0.0)
    return math_dialect.exp(arith.subf(old, most))


def _rowwise(body: Callable[[ir.Value, ir.Value], ir.Value], parts: list[ir.Value], out: ir.Value) -> ir.Value:
    return _generic(parts, out, [ir.AffineMap.get_identity(1)] * 3, body)


def by_rows(
    cone: Cone, value: ir.Value, row: ir.Value, out: ir.Value, body: Callable[[ir.Value, ir.Value], ir.Value]
) -> ir.Value:
    """``body`` of each element of a part of the product and the number of its row."""
    labels: Labels = cone.labels[cone.final.results[0]]
    kept = [label for label in labels if is_kept(label)]
    rank = len(kept)
    rows = [axis for axis, label in enumerate(kept) if label is not None][: ir.RankedTensorType(row.type).rank]
    every = ir.AffineMap.get_identity(rank)
    along = ir.AffineMap.get(rank, 0, [ir.AffineDimExpr.get(axis) for axis in rows])
    return _generic([value, row], out, [every, along, every], body)


def _generic(
    parts: list[ir.Value],
    out: ir.Value,
    maps: list[ir.AffineMap],
    body: Callable[[ir.Value, ir.Value], ir.Value],
) -> ir.Value:
    made = generic(parts, out, maps, ["parallel"] * maps[-1].n_dims)
    kinds = elements([*parts, out])
    location = ir.Location.current
    block = made.regions[0].blocks.append(*kinds, arg_locs=[location] * len(kinds))
    with ir.InsertionPoint(block):
        linalg.YieldOp([body(block.arguments[0], block.arguments[1])])
    result: ir.Value = made.results[0]
    return result
