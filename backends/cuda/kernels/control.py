"""Loops and branches of a kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import scf

from stepwell.backends.cuda.kernels.word import Operand, Word, word

Values = Sequence[ir.Value]


def loop(
    start: Operand, stop: Operand, step: Operand, carried: Values, body: Callable[[Word, Values], Values]
) -> list[ir.Value]:
    """``for``; ``body(i, carried)`` builds an iteration and gives what the next one gets."""
    made = scf.ForOp(word(start).value, word(stop).value, word(step).value, list(carried))
    with ir.InsertionPoint(made.body):
        scf.YieldOp(list(body(Word(made.induction_variable), list(made.inner_iter_args))))
    return list(made.results)


def when(condition: ir.Value, body: Callable[[], None], other: Callable[[], None] | None = None) -> None:
    """``if``, with ``other`` as its ``else``."""
    made = scf.IfOp(condition, has_else=other is not None)
    with ir.InsertionPoint(made.then_block):
        body()
        scf.YieldOp([])
    if other is not None:
        with ir.InsertionPoint(made.else_block):
            other()
            scf.YieldOp([])
