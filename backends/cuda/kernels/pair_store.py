"""Sums to results in global memory, without the copy engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from stepwell.backends.cuda.kernels import global_memory as gm
from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.elements import RESULT_BYTES
from stepwell.backends.cuda.kernels.epilogue import Epilogue
from stepwell.backends.cuda.kernels.word import Word

_HALVES = {"bf16": ir.BF16Type, "f16": ir.F16Type}


@dataclass(frozen=True)
class PairStore:
    """Stores sums of two columns at a time through the epilogue, to a matrix of the result.

    Attributes:
        result: what is stored, a name of ``RESULT_BYTES``.
        paired: whether rows begin at multiples of two elements and have an even length.
        base, pitch: where the matrix lies, an i64, and bytes from row to row.
        batch: its number.
        m, n: its size.
    """

    result: str
    paired: bool
    epilogue: Epilogue
    base: ir.Value
    pitch: Word
    batch: Word
    m: Word
    n: Word

    def store(self, row: Word, column: Word, sums: Sequence[ir.Value]) -> None:
        """Store the sums of (row, column) and (row, column + 1), as far as they lie in the result."""
        size = RESULT_BYTES[self.result]
        first, second = self.epilogue(self.batch, row, column)(sums)
        below = row.is_less(self.m)
        inside = [arith.andi(below, (column + step).is_less(self.n)) for step in range(2)]
        address = gm.at(self.base, row, self.pitch, column * size)
        if self.paired:
            gm.store_global(address, *self._together(first, second), inside[0])
            return
        for step, (value, kind) in enumerate(self._apart(first, second)):
            gm.store_global(arith.addi(address, i64(step * size)), [value], kind, inside[step])

    def _together(self, first: ir.Value, second: ir.Value) -> tuple[list[ir.Value], ir.Type]:
        """Both as stored, and the type of the store."""
        i16, i32 = (ir.IntegerType.get_signless(width) for width in (16, 32))
        if self.result == "s8":
            return [isa.pack_bytes(first, second)], i16
        if self.result in _HALVES:
            return [isa.pack_halves(first, second, _HALVES[self.result].get())], i32
        return [first, second], first.type

    def _apart(self, first: ir.Value, second: ir.Value) -> list[tuple[ir.Value, ir.Type]]:
        values, kind = self._together(first, second)
        if len(values) == 2:
            return [(value, kind) for value in values]
        bits = 8 * RESULT_BYTES[self.result]
        both = Word(values[0])
        return [(part.value, ir.IntegerType.get_signless(bits)) for part in (both, both >> bits)]


def i64(number: int) -> ir.Value:
    """A constant."""
    kind = ir.IntegerType.get_signless(64)
    return arith.ConstantOp(kind, ir.IntegerAttr.get(kind, number)).result


def matrix(pointer: ir.Value, batch: Word, plane: ir.Value, size: int) -> ir.Value:
    """The address, an i64, of matrix ``batch``; matrices are ``plane`` elements of ``size`` bytes apart."""
    offset = arith.muli(arith.muli(batch.wide(), plane), i64(size))
    return arith.addi(llvm.ptrtoint(ir.IntegerType.get_signless(64), pointer), offset)
