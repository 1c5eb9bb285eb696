"""f32 arithmetic of a kernel, written as Python writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from stepwell.backends.cuda.kernels import instructions as isa

Number: TypeAlias = "Real | float"


class Real:
    """An f32: an operator builds an operation."""

    def __init__(self, value: ir.Value) -> None:
        self.value = value

    def __add__(self, other: Number) -> Real:
        return self._apply(arith.addf, other)

    def __sub__(self, other: Number) -> Real:
        return self._apply(arith.subf, other)

    def __mul__(self, other: Number) -> Real:
        return self._apply(arith.mulf, other)

    def __neg__(self) -> Real:
        return Real(arith.negf(self.value))

    def maximum(self, other: Number) -> Real:
        """The larger of both; the other one where one is NaN."""
        return self._apply(llvm.intr_maxnum, other)

    def times_plus(self, factor: Number, summand: Number) -> Real:
        """``self * factor + summand``, rounded once."""
        return Real(llvm.intr_fma(self.value, real(factor).value, real(summand).value))

    def is_greater(self, other: Number) -> ir.Value:
        """Whether this one is larger, as an ``i1``; not where one is NaN."""
        return arith.cmpf(arith.CmpFPredicate.OGT, self.value, real(other).value)

    def exp2(self) -> Real:
        """Two to its power, to 2 units in the last place; subnormal results are zero."""
        return Real(isa.ptx("ex2.approx.ftz.f32 $0, $1;", "=f,f", [self.value], result=ir.F32Type.get()))

    def reciprocal(self) -> Real:
        """One over it, to 1 unit in the last place."""
        return Real(isa.ptx("rcp.approx.ftz.f32 $0, $1;", "=f,f", [self.value], result=ir.F32Type.get()))

    def across(self, mask: int) -> Real:
        """That of the lane whose number differs in the bits of ``mask``."""
        return Real(isa.shuffle_xor(self.value, mask))

    def _apply(self, build: Callable[[ir.Value, ir.Value], ir.Value], other: Number) -> Real:
        return Real(build(self.value, real(other).value))


def real(number: Number) -> Real:
    """``number`` as a value of the kernel."""
    if isinstance(number, Real):
        return number
    kind = ir.F32Type.get()
    return Real(arith.ConstantOp(kind, ir.FloatAttr.get(kind, number)).result)


def reals(values: Sequence[ir.Value]) -> list[Real]:
    """Values as numbers."""
    return [Real(value) for value in values]


def choose(condition: ir.Value, true: Number, false: Number) -> Real:
    """``true`` where ``condition`` holds, else ``false``."""
    return Real(arith.select(condition, real(true).value, real(false).value))
