"""Operation name -> handler; each dialect's file adds its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch_mlir import ir

if TYPE_CHECKING:
    from stepwell.backends.interpreter.program import Builder

# One slot per SSA value of a function.
Frame = list[Any]
# Runs one operation: reads its operands from the frame, writes its results there.
Step = Callable[[Frame], None]
# From operand values to the result (a tuple where there are several, None where there is none).
Kernel = Callable[..., Any]

KernelMaker = Callable[[ir.Operation], Kernel]
StepMaker = Callable[[ir.Operation, "Builder"], Step]

KERNELS: dict[str, KernelMaker] = {}
STEPS: dict[str, StepMaker] = {}


def kernel(*names: str) -> Callable[[KernelMaker], KernelMaker]:
    """Register the maker of operations that are a function of their operands alone."""

    def add(maker: KernelMaker) -> KernelMaker:
        for name in names:
            KERNELS[name] = maker
        return maker

    return add


def step(*names: str) -> Callable[[StepMaker], StepMaker]:
    """Register the maker of operations with regions, symbols or other business with the frame."""

    def add(maker: StepMaker) -> StepMaker:
        for name in names:
            STEPS[name] = maker
        return maker

    return add


# Their operands are what the block hands to the operation around it.
TERMINATORS = frozenset({
    "affine.yield", "func.return", "linalg.yield", "scf.yield", "scf.condition", "scf.reduce", "scf.reduce.return",
    "scf.forall.in_parallel", "tensor.yield", "memref.atomic_yield", "memref.alloca_scope.return", "vector.yield",
    "cf.br", "cf.cond_br", "cf.switch", "ub.unreachable",
})  # fmt: skip
