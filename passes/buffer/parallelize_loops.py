"""parallelize-loops: decide which independent loops run on several threads, and in pieces of which size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.loop_work import Amount, Amounts, Estimator, constant
from stepwell.passes.buffer.parallel import body_operations, bounds, build_parallel, make_sequential
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.parallel import ParallelSchedule, parallel_key
from stepwell.support.walk import named, outermost

#: Innermost iterations are cut at multiples of this, so that two threads rarely write to one cache line.
_LINE = 16
#: Iterations with less work than this are cut that way.
_SMALL = 64

_AMOUNTS = Amounts()
_LOOP = "scf.parallel"


@dataclass
class ParallelizeLoops(Pass):
    """Cut every outermost ``scf.parallel`` into blocks that are worth handing to another thread.

    Afterwards every ``scf.parallel`` is one whose iterations, the blocks, are meant for the runtime's threads: its
    steps are the block's sizes, and sequential loops inside of it run over a block. All other loops, inner ones and
    those with too little work, are ``scf.for``. How a loop is cut depends on its sizes alone, never on the number of
    threads, and so its results don't either. Stack memory of static size in a sequential loop is made once, ahead of
    it: in the block, or in the function.

    Options:
        grain: the least work in a block, in scalar operations (about a quarter of a nanosecond each).
        blocks: the most blocks that a loop is cut into; 1 leaves everything sequential.
    """

    name: ClassVar[str] = "parallelize-loops"
    summary: ClassVar[str] = "cut independent loops into blocks that are worth a thread"

    grain: int = 16000
    blocks: int = 64

    def run(self, op: ir.Operation, context: PassContext) -> None:
        kept = 0
        waiting = outermost(op, _LOOP)
        while waiting:
            loop = _fuse_perfect_nest(waiting.pop())
            inner = outermost(loop, _LOOP)
            if self._cut(loop, context.schedules):
                kept += 1
                for nested in inner:
                    _all_sequential(nested)
            else:
                make_sequential(loop)
                waiting += inner
        _lift_stack_memory(op)
        context.note(self.name, parallel=kept)

    def _cut(self, loop: ir.Operation, schedules: Schedules) -> bool:
        """Cut ``loop`` into blocks; False, and nothing done, where that would not pay."""
        if list(loop.results):
            return False
        with ir.InsertionPoint(loop), loop.location:
            estimator = Estimator(loop)
            trips = [estimator.trips(*dim) for dim in zip(*bounds(loop), strict=True)]
            works = [_AMOUNTS.most(1, estimator.block(body_operations(loop)))]
            schedule = self._schedule(trips, works[0], schedules)
            if schedule.blocks == 1:
                return False
            for count in reversed(trips):
                works.insert(0, _AMOUNTS.times(works[0], count))
            total = works.pop(0)
            if isinstance(total, int) and total < 2 * schedule.grain:
                return False
            target = _AMOUNTS.most(schedule.grain, _AMOUNTS.over(total, schedule.blocks))
            sizes = [_block(schedule.grain, target, work, count) for work, count in zip(works, trips, strict=True)]
            if isinstance(works[-1], int) and works[-1] <= _SMALL:
                sizes[-1] = _whole_lines(sizes[-1], trips[-1])
            if all(_is_whole(size, count) for size, count in zip(sizes, trips, strict=True)):
                return False
            _rebuild(loop, trips, sizes)
        return True

    def _schedule(self, trips: list[Amount], work: Amount, schedules: Schedules) -> ParallelSchedule:
        sizes = [amount if isinstance(amount, int) else None for amount in (*trips, work)]
        return schedules.choose(parallel_key(sizes[:-1], sizes[-1]), ParallelSchedule(self.grain, self.blocks))


def _block(grain: int, target: Amount, work: Amount, count: Amount) -> Amount:
    """How many of ``count`` iterations of ``work`` make up ``target``; blocks of about the same size."""
    if isinstance(work, int) and isinstance(count, int) and work * count <= grain:
        return count  # the target is no smaller
    size = _AMOUNTS.most(1, _AMOUNTS.least(_AMOUNTS.over(target, _AMOUNTS.most(1, work)), count))
    if isinstance(size, int) and isinstance(count, int):
        parts = -(-count // size)
        return -(-count // parts)
    return size


def _whole_lines(size: Amount, count: Amount) -> Amount:
    if isinstance(size, int):
        rounded = -(-size // _LINE) * _LINE
        return min(rounded, count) if isinstance(count, int) else rounded
    return _AMOUNTS.times(_AMOUNTS.over(_AMOUNTS.add(size, _LINE - 1), _LINE), _LINE)


def _is_whole(size: Amount, count: Amount) -> bool:
    return isinstance(size, int) and isinstance(count, int) and size >= count


def _rebuild(loop: ir.Operation, trips: list[Amount], sizes: list[Amount]) -> None:
    """The loop over blocks, and loops over the iterations of a block inside of it."""
    lowers, uppers, steps = bounds(loop)
    cut = [dim for dim, (size, count) in enumerate(zip(sizes, trips, strict=True)) if not _is_whole(size, count)]
    strides = [_AMOUNTS.value(_times_step(sizes[dim], steps[dim])) for dim in cut]
    stride = dict(zip(cut, strides, strict=True))

    def fill(indices: list[ir.Value]) -> None:
        start = dict(zip(cut, indices, strict=True))

        def inside(dim: int, at: list[ir.Value]) -> None:
            if dim == len(lowers):
                _move_body(loop, at)
            elif dim in start and sizes[dim] == 1:
                inside(dim + 1, [*at, start[dim]])
            else:
                first, last = lowers[dim], uppers[dim]
                if dim in start:
                    first, last = start[dim], arith.addi(start[dim], stride[dim])
                    if not _divides(sizes[dim], trips[dim]):
                        last = arith.minsi(last, uppers[dim])
                made = scf.ForOp(first, last, steps[dim])
                with ir.InsertionPoint(made.body):
                    end = scf.YieldOp([])
                with ir.InsertionPoint(end):
                    inside(dim + 1, [*at, made.induction_variable])

        inside(0, [])

    build_parallel([lowers[dim] for dim in cut], [uppers[dim] for dim in cut], strides, fill)
    loop.erase()


def _times_step(size: Amount, step: ir.Value) -> Amount:
    number = constant(step)
    return _AMOUNTS.times(size, step if number is None else number)


def _divides(size: Amount, count: Amount) -> bool:
    return isinstance(size, int) and isinstance(count, int) and count % size == 0


def _move_body(loop: ir.Operation, at: list[ir.Value]) -> None:
    """Move the body of ``loop`` to the insertion point, its indices being ``at``."""
    for argument, value in zip(loop.regions[0].blocks[0].arguments, at, strict=True):
        argument.replace_all_uses_with(value)
    here = scf.ReduceOp([], 0).operation  # marks the place: operations move in front of others only
    for op in body_operations(loop):
        op.move_before(here)
    here.erase()


def _fuse_perfect_nest(loop: ir.Operation) -> ir.Operation:
    """One loop for ``loop`` and the parallel loop that is all of its body, if it is so, and so on inwards."""
    while not list(loop.results):
        body = body_operations(loop)
        if len(body) != 1 or body[0].name != "scf.parallel" or list(body[0].results):
            break
        inner, arguments = body[0], list(loop.regions[0].blocks[0].arguments)
        if any(operand in arguments for operand in inner.operands):
            break
        with ir.InsertionPoint(loop), loop.location:
            lowers, uppers, steps = (one + other for one, other in zip(bounds(loop), bounds(inner), strict=True))
            made = build_parallel(lowers, uppers, steps, partial(_fill_fused, arguments, inner))
        loop.erase()
        loop = made
    return loop


def _fill_fused(outer: list[ir.Value], inner: ir.Operation, at: list[ir.Value]) -> None:
    for argument, value in zip(outer, at, strict=False):
        argument.replace_all_uses_with(value)
    _move_body(inner, at[len(outer) :])


def _all_sequential(loop: ir.Operation) -> None:
    inner = outermost(loop, _LOOP)
    make_sequential(loop)
    for nested in inner:
        _all_sequential(nested)


def _lift_stack_memory(root: ir.Operation) -> None:
    """Move stack allocations of static size to the front of the block or function that they serve."""
    found = [op for op in named(root, "memref.alloca") if not len(op.operands)]
    for alloca in reversed(found):  # each goes to the front: in the end they stand in program order
        around = alloca.parent.operation
        while around.name not in ("scf.parallel", "func.func"):
            around = around.parent.operation
        first = next(iter(around.regions[0].blocks[0].operations)).operation
        if first != alloca:
            alloca.move_before(first)
