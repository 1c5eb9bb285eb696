"""Buffers of a kernel in global memory, read and written in neighbouring elements."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm, memref

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.elementary.emitter import from_lanes
from stepwell.backends.cuda.kernels.word import Word
from stepwell.passes.buffer.types import element_bytes


class Buffer:
    """Memory from an address on.

    Args:
        pointer: where it begins, a multiple of 16 bytes.
        element: what the program sees in it; a bool takes a byte, and LLVM has bytes for floats of 8 bits.
    """

    def __init__(self, pointer: ir.Value, element: ir.Type) -> None:
        self.pointer, self.element = pointer, element
        self._bool = isinstance(element, ir.IntegerType) and element.width == 1
        self._float8 = isinstance(element, ir.FloatType) and element.width == 8
        self.stored = ir.IntegerType.get_signless(8) if self._bool or self._float8 else element

    @staticmethod
    def of(argument: ir.Value) -> Buffer:
        """The buffer behind a memref without an offset."""
        i64 = ir.IntegerType.get_signless(64)
        address = arith.index_cast(i64, memref.extract_aligned_pointer_as_index(argument))
        pointer = llvm.inttoptr(ir.Type.parse("!llvm.ptr<1>"), address)
        return Buffer(pointer, ir.MemRefType(argument.type).element_type)

    @staticmethod
    def bytes_of(tensor: ir.Value) -> int:
        """Of an element of a tensor."""
        return element_bytes(ir.RankedTensorType(tensor.type).element_type)

    def load(self, offset: Word, lanes: int) -> ir.Value:
        """``lanes`` elements from a multiple of ``lanes`` on."""
        kind = ir.VectorType.get([lanes], self.stored) if lanes > 1 else self.stored
        found = llvm.LoadOp(kind, self._at(offset), alignment=lanes * self.bytes).result
        if self.stored == self.element:
            return found
        wanted = ir.VectorType.get([lanes], self.element) if lanes > 1 else self.element
        return arith.trunci(wanted, found) if self._bool else arith.bitcast(wanted, found)

    def gather(self, offsets: Sequence[Word]) -> ir.Value:
        """Elements from anywhere."""
        return from_lanes([self.load(offset, 1) for offset in offsets])

    def store(self, value: ir.Value, offset: Word) -> None:
        """A scalar, or a vector to a multiple of its length."""
        lanes = ir.VectorType(value.type).shape[0] if isinstance(value.type, ir.VectorType) else 1
        if self.stored != self.element:
            stored = ir.VectorType.get([lanes], self.stored) if lanes > 1 else self.stored
            value = arith.extui(stored, value) if self._bool else arith.bitcast(stored, value)
        llvm.StoreOp(value, self._at(offset), alignment=lanes * self.bytes)

    @property
    def bytes(self) -> int:
        """Of an element."""
        return element_bytes(self.stored)

    def _at(self, offset: Word) -> ir.Value:
        dynamic = -(2**31)
        return llvm.GEPOp(self.pointer.type, self.pointer, [offset.wide()], [dynamic], self.stored, None).result


def shared_buffer(offset: int, element: ir.Type) -> Buffer:
    """The block's dynamic shared memory from ``offset`` bytes on."""
    base = isa.shared_pointer()
    return Buffer(llvm.GEPOp(base.type, base, [], [offset], ir.IntegerType.get_signless(8), 0).result, element)
