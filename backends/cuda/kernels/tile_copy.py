"""Tiles of matrices in global memory on their way to shared memory, by all threads of a block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import global_memory as gm
from stepwell.backends.cuda.kernels import memory
from stepwell.backends.cuda.kernels.window import Window
from stepwell.backends.cuda.kernels.word import Word, select, word

_ASYNCHRONOUS = 4
"""Bytes that ``cp.async`` copies at least."""


class Source(Protocol):
    """Where tiles come from."""

    def find(self, outer: Word, inner: Word) -> tuple[ir.Value, ir.Value]:
        """The address, an i64, of byte ``inner`` of row ``outer``, and whether that is there."""


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

    def find(self, outer: Word, inner: Word) -> tuple[ir.Value, ir.Value]:
        inside = arith.andi(outer.is_less(self.outer), inner.is_less(self.inner))
        return gm.at(self.base, outer, self.pitch, inner), inside


@dataclass(frozen=True)
class Image:
    """Images as the left matrix of a convolution.

    Attributes:
        base: their address, an i64.
        window: what is read of them.
        outer: rows of the matrix.
        size: bytes of an element.
    """

    base: ir.Value
    window: Window
    outer: Word
    size: int

    def find(self, outer: Word, inner: Word) -> tuple[ir.Value, ir.Value]:
        w, tap_bytes = self.window, self.window.channels * self.size
        image, y, x = w.pixel(outer)
        down, across = w.tap(inner // tap_bytes)
        y, x = y + down, x + across
        rows = arith.andi(outer.is_less(self.outer), inner.is_less(w.taps * tap_bytes))
        inside = arith.andi(rows, arith.andi(y.is_less(w.image[0]), x.is_less(w.image[1])))
        images, lines, pixels = (step * self.size for step in w.steps)
        return gm.at(self.base, image, word(images), y * lines + x * pixels + inner % tap_bytes), inside


@dataclass(frozen=True)
class TileCopy:
    """How a block brings in tiles.

    Attributes:
        source: where they come from; what lies beyond its edges is zero.
        rows, row_bytes: of a tile, as they lie in global memory.
        unit: bytes that a thread copies at a time; rows of the matrix begin and end at multiples.
        threads: of the block.
        thread: the number of this one.
    """

    source: Source
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
            address, inside = self._find(outer + row, inner + byte, where)
            gm.copy_async(target(row, byte), address, self.unit, select(inside, self.unit, 0))

    def load(self, outer: Word, inner: Word, kind: ir.Type, where: ir.Value) -> list[list[ir.Value]]:
        """The tile in registers, as elements of ``kind``, a list for each unit; zeros where ``where`` does not hold."""
        found = []
        for row, byte in self.places():
            address, inside = self._find(outer + row, inner + byte, where)
            found.append(gm.load_global(address, self.unit * 8 // _width(kind), kind, inside))
        return found

    def keep(self, units: Sequence[Sequence[ir.Value]], target: Callable[[Word, Word], Word]) -> None:
        """Put what ``load`` brought into shared memory, a unit of 1 or 2 bytes at a time."""
        for (row, byte), values in zip(self.places(), units, strict=True):
            memory.store_shared_part(target(row, byte), values[0], self.unit)

    def _find(self, outer: Word, inner: Word, where: ir.Value) -> tuple[ir.Value, ir.Value]:
        address, inside = self.source.find(outer, inner)
        return address, arith.andi(inside, where)


def _width(kind: ir.Type) -> int:
    return int(ir.IntegerType(kind).width) if isinstance(kind, ir.IntegerType) else int(ir.FloatType(kind).width)
