"""Tiles of matrices in global memory on their way to shared memory, by all threads of a block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import global_memory as gm
from stepwell.backends.cuda.kernels import memory
from stepwell.backends.cuda.kernels.word import Word, select

_ASYNCHRONOUS = 4
"""Bytes that ``cp.async`` copies at least."""


@dataclass(frozen=True)
class Matrix:
    """A matrix in global memory, row by row of the memory.

    Attributes:
        base: its address, an i64.
        pitch: bytes from row to row.
        outer: how many rows there are.
        inner: bytes of a row that belong to the matrix.
    """

    base: ir.Value
    pitch: Word
    outer: Word
    inner: Word


@dataclass(frozen=True)
class TileCopy:
    """How a block brings in tiles.

    Attributes:
        matrix: where they come from; what lies beyond its edges is zero.
        rows, row_bytes: of a tile, as they lie in global memory.
        unit: bytes that a thread copies at a time; rows of the matrix begin and end at multiples.
        threads: of the block.
        thread: the number of this one.
    """

    matrix: Matrix
    rows: int
    row_bytes: int
    unit: int
    threads: int
    thread: Word

    @property
    def asynchronous(self) -> bool:
        """Whether the copy can go on behind the threads' backs."""
        return self.unit >= _ASYNCHRONOUS

    def places(self) -> list[tuple[Word, Word]]:
        """Row and byte in the tile of each unit of this thread."""
        across = self.row_bytes // self.unit
        numbers = [self.thread + first for first in range(0, self.rows * across, self.threads)]
        return [(number // across, (number % across) * self.unit) for number in numbers]

    def start(self, outer: Word, inner: Word, target: Callable[[Word, Word], Word], where: ir.Value) -> None:
        """Start to copy the tile at row ``outer`` and byte ``inner``, or zeros, to where ``target(row, byte)`` says."""
        for row, byte in self.places():
            inside = self._inside(outer + row, inner + byte, where)
            address = gm.at(self.matrix.base, outer + row, self.matrix.pitch, inner + byte)
            gm.copy_async(target(row, byte), address, self.unit, select(inside, self.unit, 0))

    def load(self, outer: Word, inner: Word, kind: ir.Type, where: ir.Value) -> list[list[ir.Value]]:
        """The tile in registers, as elements of ``kind``, a list for each unit; zeros where ``where`` does not hold."""
        found = []
        for row, byte in self.places():
            inside = self._inside(outer + row, inner + byte, where)
            address = gm.at(self.matrix.base, outer + row, self.matrix.pitch, inner + byte)
            found.append(gm.load_global(address, self.unit * 8 // _width(kind), kind, inside))
        return found

    def keep(self, units: Sequence[Sequence[ir.Value]], target: Callable[[Word, Word], Word]) -> None:
        """Put what ``load`` brought into shared memory, a unit of 1 or 2 bytes at a time."""
        for (row, byte), values in zip(self.places(), units, strict=True):
            memory.store_shared_part(target(row, byte), values[0], self.unit)

    def _inside(self, outer: Word, inner: Word, where: ir.Value) -> ir.Value:
        rows = arith.andi(outer.is_less(self.matrix.outer), inner.is_less(self.matrix.inner))
        return arith.andi(rows, where)


def _width(kind: ir.Type) -> int:
    return int(ir.IntegerType(kind).width) if isinstance(kind, ir.IntegerType) else int(ir.FloatType(kind).width)
