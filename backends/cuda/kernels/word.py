"""32-bit arithmetic of a kernel, written as Python writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith

Operand: TypeAlias = "Word | int"


class Word:
    """A 32-bit unsigned number: an operator builds an operation of dialect ``arith``."""

    def __init__(self, value: ir.Value) -> None:
        self.value = value

    def __add__(self, other: Operand) -> Word:
        return self._apply(arith.addi, other)

    def __sub__(self, other: Operand) -> Word:
        return self._apply(arith.subi, other)

    def __mul__(self, other: Operand) -> Word:
        return self._apply(arith.muli, other)

    def __floordiv__(self, other: Operand) -> Word:
        return self._apply(arith.divui, other)

    def __mod__(self, other: Operand) -> Word:
        return self._apply(arith.remui, other)

    def __and__(self, other: Operand) -> Word:
        return self._apply(arith.andi, other)

    def __or__(self, other: Operand) -> Word:
        return self._apply(arith.ori, other)

    def __xor__(self, other: Operand) -> Word:
        return self._apply(arith.xori, other)

    def __rshift__(self, other: Operand) -> Word:
        return self._apply(arith.shrui, other)

    def __lshift__(self, other: Operand) -> Word:
        return self._apply(arith.shli, other)

    def minimum(self, other: Operand) -> Word:
        """The smaller of both."""
        return self._apply(arith.minui, other)

    def maximum(self, other: Operand) -> Word:
        """The larger of both."""
        return self._apply(arith.maxui, other)

    def is_equal(self, other: Operand) -> ir.Value:
        """Whether both are equal, as an ``i1``."""
        return self._compare(arith.CmpIPredicate.eq, other)

    def is_less(self, other: Operand) -> ir.Value:
        """Whether this one is smaller, as an ``i1``."""
        return self._compare(arith.CmpIPredicate.ult, other)

    def is_above(self, other: Operand) -> ir.Value:
        """Whether this one is larger, both signed, as an ``i1``."""
        return self._compare(arith.CmpIPredicate.sgt, other)

    def between(self, low: Operand, high: Operand) -> Word:
        """The nearest number from ``low`` to ``high``, all signed."""
        return self._apply(arith.maxsi, low)._apply(arith.minsi, high)

    def wide(self) -> ir.Value:
        """The number as an ``i64``."""
        return arith.extui(ir.IntegerType.get_signless(64), self.value)

    def _apply(self, build: Callable[[ir.Value, ir.Value], ir.Value], other: Operand) -> Word:
        return Word(build(self.value, word(other).value))

    def _compare(self, predicate: arith.CmpIPredicate, other: Operand) -> ir.Value:
        return arith.cmpi(predicate, self.value, word(other).value)


def word(number: Operand) -> Word:
    """``number`` as a value of the kernel."""
    if isinstance(number, Word):
        return number
    kind = ir.IntegerType.get_signless(32)
    return Word(arith.ConstantOp(kind, ir.IntegerAttr.get(kind, number)).result)


def select(condition: ir.Value, true: Operand, false: Operand) -> Word:
    """``true`` where ``condition`` holds, else ``false``."""
    return Word(arith.select(condition, word(true).value, word(false).value))
