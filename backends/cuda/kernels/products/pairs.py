"""What an epilogue reads of tensors that lie as the result does, or as a row of it: two neighbours at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm, memref

from stepwell.backends.cuda.kernels import global_memory as gm
from stepwell.backends.cuda.kernels.elementary.emitter import lane
from stepwell.backends.cuda.kernels.rows.memory import Buffer
from stepwell.backends.cuda.kernels.word import Word, word
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index

if TYPE_CHECKING:
    from stepwell.backends.cuda.kernels.products.facts import Product

Known = Callable[[Sequence[Index]], ir.Value]

_WORD = 4
"""Bytes of a register: two elements of 2 bytes wait in one."""


class Pairs:
    """Elements (batch, row, column) and (batch, row, column + 1), or just those of the columns.

    The number of an element follows from its row and column, without the divisions that its indices take. Pairs of
    elements as narrow as the result's are loaded at once; others, which would take many registers, when they are asked
    for.

    Args:
        values: what stands for the arguments of the product's function.
        sizes: of the result.
    """

    def __init__(
        self,
        product: Product,
        values: Mapping[ir.Value, ir.Value],
        sizes: Sequence[Index],
        batch: Word,
        row: Word,
        column: Word,
    ) -> None:
        self._product, self._values, self._sizes = product, values, sizes
        self._place = batch, row, column
        self._begun: dict[ir.Value, ir.Value] = {}
        self._found: dict[ir.Value, tuple[ir.Value, tuple[int, ...]]] | None = None
        self._width = self._columns()
        for argument in product.alike if self._width else []:
            if Buffer.bytes_of(argument) * 2 == _WORD:
                self._begun[argument] = self._load_ahead(argument)

    def known(self, step: int, indices: Sequence[Index]) -> dict[ir.Value, Known]:
        """How to find the elements of one of both, whose place in the result is ``indices``."""
        if self._found is None:
            self._found = self._load() if self._width else {}
        return {argument: self._known(argument, *found, step, indices) for argument, found in self._found.items()}

    def _known(
        self, argument: ir.Value, pair: ir.Value, own: tuple[int, ...], step: int, place: Sequence[Index]
    ) -> Known:
        def element(indices: Sequence[Index]) -> ir.Value:
            # Along axes of one element there is no other place.
            if all(axis < 0 or index == place[axis] for axis, index in zip(own, indices, strict=True)):
                return lane(pair, step)
            return memref.load(self._values[argument], [ix.value(index) for index in indices])

        return element

    def _columns(self) -> int:
        """How many columns there are; 0 where pairs of them are not found by their number."""
        c, width = self._product.contraction, self._sizes[-1]
        plain = c.maps[2] == c.batch + c.row + c.column and len(c.column) == 1
        return width if plain and isinstance(width, int) and width % 2 == 0 else 0

    def _load_ahead(self, argument: ir.Value) -> ir.Value:
        """A pair of two bytes each in a register, on its way from now on."""
        batch, row, column = self._place
        rows = self._count(self._product.contraction.row)
        number = (batch * rows + row) * self._width + column
        inside = arith.andi(row.is_less(rows), column.is_less(self._width))
        base = arith.index_cast(
            ir.IntegerType.get_signless(64), memref.extract_aligned_pointer_as_index(self._values[argument])
        )
        address = gm.at(base, number, word(_WORD // 2), word(0))
        return gm.load_global(address, 1, ir.IntegerType.get_signless(32), inside)[0]

    def _load(self) -> dict[ir.Value, tuple[ir.Value, tuple[int, ...]]]:
        """Pairs, and which axis of the result each axis of their tensor is."""
        found: dict[ir.Value, tuple[ir.Value, tuple[int, ...]]] = {}
        last = len(self._sizes) - 1
        column = self._place[2].minimum(self._width - 2)
        for argument in self._product.used:
            shape = _shape(argument)
            along = [axis for axis, size in enumerate(shape) if size == self._width]
            if argument in self._begun:
                pair = llvm.bitcast(
                    ir.VectorType.get([2], ir.RankedTensorType(argument.type).element_type), self._begun[argument]
                )
                found[argument] = pair, tuple(range(len(shape)))
            elif argument in self._product.alike:
                pair = Buffer.of(self._values[argument]).load(self._line() * self._width + column, 2)
                found[argument] = pair, tuple(range(len(shape)))
            elif len(along) == 1 and sum(size != 1 for size in shape) == 1:
                own = tuple(last if axis == along[0] else -1 for axis in range(len(shape)))
                found[argument] = Buffer.of(self._values[argument]).load(column, 2), own
        return found

    def _line(self) -> Word:
        """The number of the row among all batches, inside of the result."""
        c = self._product.contraction
        batch, row, _ = self._place
        planes, rows = self._count(c.batch), self._count(c.row)
        return batch.minimum(planes - 1) * rows + row.minimum(rows - 1)

    def _count(self, dims: Sequence[int]) -> Word:
        c = self._product.contraction
        size = ix.product([self._sizes[c.maps[2].index(dim)] for dim in dims])
        return Word(arith.index_castui(ir.IntegerType.get_signless(32), ix.value(size)))


def _shape(argument: ir.Value) -> list[int]:
    return list(ir.RankedTensorType(argument.type).shape) if isinstance(argument.type, ir.RankedTensorType) else []
