"""Building ``scf.parallel``, and turning it into sequential loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import scf


def build_parallel(
    lowers: Sequence[ir.Value],
    uppers: Sequence[ir.Value],
    steps: Sequence[ir.Value],
    body: Callable[[list[ir.Value]], None],
) -> ir.Operation:
    """A loop at the insertion point whose iterations are independent; ``body`` fills it, given the loop's indices."""
    loop = scf.ParallelOp([], lowers, uppers, steps, []).operation
    index = ir.IndexType.get()
    block = loop.regions[0].blocks.append(*[index] * len(lowers))
    with ir.InsertionPoint(block):
        body(list(block.arguments))
        scf.ReduceOp([], 0)
    return loop


def bounds(loop: ir.Operation) -> tuple[list[ir.Value], list[ir.Value], list[ir.Value]]:
    """Lower bounds, upper bounds and steps of an ``scf.parallel``."""
    rank = len(loop.regions[0].blocks[0].arguments)
    operands = list(loop.operands)
    return operands[:rank], operands[rank : 2 * rank], operands[2 * rank : 3 * rank]


def body_operations(loop: ir.Operation) -> list[ir.Operation]:
    """The operations of a parallel loop's body, the terminator left out."""
    return [op.operation for op in loop.regions[0].blocks[0].operations][:-1]


def make_sequential(loop: ir.Operation) -> None:
    """Replace an ``scf.parallel``, with reductions or without, by nested ``scf.for`` in its place."""
    lowers, uppers, steps = bounds(loop)
    carried = list(loop.operands)[3 * len(lowers) :]
    with ir.InsertionPoint(loop), loop.location:
        results = _nest(loop, lowers, uppers, steps, carried, [])
    for result, value in zip(loop.results, results, strict=True):
        result.replace_all_uses_with(value)
    loop.erase()


def _nest(
    loop: ir.Operation,
    lowers: list[ir.Value],
    uppers: list[ir.Value],
    steps: list[ir.Value],
    carried: list[ir.Value],
    at: list[ir.Value],
) -> list[ir.Value]:
    """Emit the loops from dimension ``len(at)`` on; returns the values that they carry out."""
    dim = len(at)
    if dim == len(lowers):
        return _inline(loop, carried, at)
    made = scf.ForOp(lowers[dim], uppers[dim], steps[dim], carried)
    with ir.InsertionPoint(made.body):
        inner = _nest(loop, lowers, uppers, steps, list(made.inner_iter_args), [*at, made.induction_variable])
        scf.YieldOp(inner)
    return list(made.results)


def _inline(loop: ir.Operation, carried: list[ir.Value], at: list[ir.Value]) -> list[ir.Value]:
    block = loop.regions[0].blocks[0]
    for argument, value in zip(block.arguments, at, strict=True):
        argument.replace_all_uses_with(value)
    here = scf.ReduceOp([], 0).operation  # marks the place: an insertion point cannot be moved to
    *body, terminator = [op.operation for op in block.operations]
    for op in body:
        op.move_before(here)
    values = []
    for region, total, value in zip(terminator.regions, carried, list(terminator.operands), strict=True):
        combiner = region.blocks[0]
        combiner.arguments[0].replace_all_uses_with(total)
        combiner.arguments[1].replace_all_uses_with(value)
        *steps, result = [op.operation for op in combiner.operations]
        for op in steps:
            op.move_before(here)
        values.append(result.operands[0])
    here.erase()
    return values
