"""Loops for the emitters of this folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

Step = Callable[[ir.Value, list[ir.Value]], Sequence[ir.Value]]


def constant(value: int) -> ir.Value:
    """An index."""
    return arith.constant(ir.IndexType.get(), value)


def loop(lower: ir.Value, upper: ir.Value, step: int, carried: Sequence[ir.Value], body: Step) -> list[ir.Value]:
    """``scf.for``; ``body(i, carried)`` builds an iteration and returns the next carried values."""
    made = scf.ForOp(lower, upper, constant(step), list(carried))
    with ir.InsertionPoint(made.body):
        scf.YieldOp(list(body(made.induction_variable, list(made.inner_iter_args))))
    return list(made.results)


def parallel(uppers: Sequence[ir.Value], body: Callable[[list[ir.Value]], None], steps: Sequence[int] = ()) -> None:
    """``scf.parallel`` from 0; without loops ``body`` is built in place."""
    if not uppers:
        body([])
        return
    zero = constant(0)
    strides = [constant(step) for step in steps or [1] * len(uppers)]
    made = scf.ParallelOp([], [zero] * len(uppers), list(uppers), strides, [])
    block = made.regions[0].blocks.append(*[ir.IndexType.get()] * len(uppers))
    with ir.InsertionPoint(block):
        body(list(block.arguments))
        scf.ReduceOp([], 0)


def nested(uppers: Sequence[ir.Value], body: Callable[[list[ir.Value]], None]) -> None:
    """The same iterations one after the other."""
    if not uppers:
        body([])
        return

    def iteration(index: ir.Value, _: list[ir.Value]) -> list[ir.Value]:
        nested(uppers[1:], lambda inner: body([index, *inner]))
        return []

    loop(constant(0), uppers[0], 1, [], iteration)
