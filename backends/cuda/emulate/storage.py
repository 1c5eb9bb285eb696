"""Loads and stores by pointers and by memrefs, and where the threads are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.emulate.lanes import Active, Array, chosen, each
from stepwell.backends.cuda.emulate.machine import Unit
from stepwell.backends.cuda.emulate.memory import SHARED_BASE, Buffer, from_bytes, to_bytes
from stepwell.backends.cuda.emulate.program import Builder, Maker, Step
from stepwell.backends.interpreter.element_types import element
from stepwell.support.errors import ExecutionError

_DYNAMIC = -(2**31)
"""What stands in a list of constant indices where an operand gives the index."""


# -- where threads are ------------------------------------------------------------------------------------------------


def _axis(op: ir.Operation) -> int:
    return "xyz".index(str(op.attributes["dimension"]).partition(" ")[2].rstrip(">"))


def make_position(op: ir.Operation, builder: Builder) -> Step:
    """``gpu.thread_id`` and its like, of blocks of one dimension."""
    axis, result, name = _axis(op), builder.slot(op.results[0]), op.name

    def run(unit: Unit, active: Active) -> None:
        if name == "gpu.thread_id":
            found: Any = np.arange(unit.first, unit.first + unit.count) if axis == 0 else np.int64(0)
        elif name == "gpu.block_dim":
            found = np.int64(unit.block.threads if axis == 0 else 1)
        elif name == "gpu.block_id":
            found = np.int64(unit.block.position[axis])
        else:
            found = np.int64(unit.cluster.grid[axis])
        unit.slots[result] = found

    return run


# -- pointers ---------------------------------------------------------------------------------------------------------


def make_same(op: ir.Operation, builder: Builder) -> Step:
    """A cast between addresses and integers; into 32 bits, where the window of shared memory has its addresses."""
    source, result = builder.slot(op.operands[0]), builder.slot(op.results[0])
    narrow = str(op.results[0].type) == "i32"

    def run(unit: Unit, active: Active) -> None:
        value = unit.slots[source]
        unit.slots[result] = np.asarray(value).astype(np.int32)[()] if narrow else value

    return run


def make_address_of(op: ir.Operation, builder: Builder) -> Step:
    """The block's dynamic shared memory."""
    result = builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        unit.slots[result] = np.int64(SHARED_BASE)

    return run


def make_element_pointer(op: ir.Operation, builder: Builder) -> Step:
    """``llvm.getelementptr`` with one index."""
    (fixed,) = ir.DenseI32ArrayAttr(op.attributes["rawConstantIndices"])
    base, *dynamic = builder.slots(list(op.operands))
    size = element(ir.TypeAttr(op.attributes["elem_type"]).value).dtype.itemsize
    result = builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        index = unit.slots[dynamic[0]] if fixed == _DYNAMIC else fixed
        unit.slots[result] = unit.slots[base] + np.int64(1) * index * size

    return run


def make_load(op: ir.Operation, builder: Builder) -> Step:
    """``llvm.load``."""
    kind, pointer, result = op.results[0].type, builder.slot(op.operands[0]), builder.slot(op.results[0])
    dtype, count, shared = element(kind).dtype, _count(kind), "<3>" in str(op.operands[0].type)

    def run(unit: Unit, active: Active) -> None:
        unit.slots[result] = load(unit, active, unit.slots[pointer], dtype, count, shared=shared)

    return run


def make_store(op: ir.Operation, builder: Builder) -> Step:
    """``llvm.store``."""
    value, pointer = builder.slots(list(op.operands))
    shared = "<3>" in str(op.operands[1].type)

    def run(unit: Unit, active: Active) -> None:
        store(unit, active, unit.slots[pointer], unit.slots[value], shared=shared)

    return run


def _count(kind: ir.Type) -> int:
    return int(kind.shape[0]) if isinstance(kind, ir.VectorType) else 1


def load(unit: Unit, active: Active, addresses: Any, dtype: np.dtype[Any], count: int, *, shared: bool) -> Array:
    """``count`` numbers from an address of each thread that takes part; the others get NaN, or all bits."""
    own, size = chosen(addresses, active), dtype.itemsize * count
    if shared:
        rows = unit.block.shared.read(own, size, unit.threads(active))
    else:
        rows = unit.cluster.memory.read(own, size)
    values = from_bytes(rows, dtype, count)
    if active.every:
        return values
    whole = np.full((*values.shape[:-1], unit.count * dtype.itemsize), 0xFF, np.uint8).view(dtype)
    whole[..., active.threads] = values
    return whole


def store(unit: Unit, active: Active, addresses: Any, values: Any, *, shared: bool) -> None:
    """The numbers of each thread that takes part to an address."""
    if not len(active.threads):
        return
    own, rows = chosen(addresses, active), to_bytes(chosen(values, active))
    if shared:
        unit.block.shared.write(own, rows, unit.threads(active))
    else:
        unit.cluster.memory.write(own, rows)


# -- memrefs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """A memref: the address of its first element, sizes and strides in elements; each a number, or one a thread."""

    address: Any
    dtype: np.dtype[Any]
    sizes: tuple[Any, ...]
    strides: tuple[Any, ...]

    def place(self, active: Active, indices: Sequence[Any]) -> Any:
        """The address of an element.

        Raises:
            ExecutionError: an index is outside.
        """
        offset: Any = np.int64(0)
        for axis, (index, size, stride) in enumerate(zip(indices, self.sizes, self.strides, strict=True)):
            bad = (np.asarray(index) < 0) | (np.asarray(index) >= size)
            if (bad & active.mask).any():
                worst = int(
                    each(index, len(active.mask))[active.threads][each(bad, len(active.mask))[active.threads]][0]
                )
                raise ExecutionError(f"index {worst} is outside of dimension {axis}, which has {size} elements")
            offset = offset + index * stride
        return self.address + offset * self.dtype.itemsize


def memory_of(array: Array) -> Memory:
    """An array of the host as kernels see it."""
    return Memory(
        np.int64(array.__array_interface__["data"][0]),
        array.dtype,
        array.shape,
        tuple(stride // array.itemsize for stride in array.strides),
    )


def make_memref_load(op: ir.Operation, builder: Builder) -> Step:
    """``memref.load``."""
    source, *indices = builder.slots(list(op.operands))
    result = builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        memory = unit.slots[source]
        place = memory.place(active, [unit.slots[slot] for slot in indices])
        unit.slots[result] = load(unit, active, place, memory.dtype, 1, shared=False)

    return run


def make_memref_store(op: ir.Operation, builder: Builder) -> Step:
    """``memref.store``."""
    value, target, *indices = builder.slots(list(op.operands))

    def run(unit: Unit, active: Active) -> None:
        memory = unit.slots[target]
        place = memory.place(active, [unit.slots[slot] for slot in indices])
        number = np.asarray(unit.slots[value]).astype(memory.dtype, copy=False)
        store(unit, active, place, number, shared=False)

    return run


def make_aligned_pointer(op: ir.Operation, builder: Builder) -> Step:
    """The address of a memref's first element."""
    source, result = builder.slot(op.operands[0]), builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        unit.slots[result] = unit.slots[source].address

    return run


def make_dim(op: ir.Operation, builder: Builder) -> Step:
    """``memref.dim`` of a constant axis."""
    axis = ir.IntegerAttr(op.operands[1].owner.attributes["value"]).value
    source, result = builder.slot(op.operands[0]), builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        unit.slots[result] = np.int64(unit.slots[source].sizes[axis])

    return run


def make_view(op: ir.Operation, builder: Builder) -> Step:
    """``memref.view`` of constant sizes."""
    source, offset = builder.slots(list(op.operands)[:2])
    kind, result = ir.MemRefType(op.results[0].type), builder.slot(op.results[0])
    dtype, shape = element(kind).dtype, tuple(kind.shape)
    strides = tuple(kind.get_strides_and_offset()[0])

    def run(unit: Unit, active: Active) -> None:
        unit.slots[result] = Memory(unit.slots[source].address + unit.slots[offset], dtype, shape, strides)

    return run


def make_reinterpret_cast(op: ir.Operation, builder: Builder) -> Step:
    """``memref.reinterpret_cast``."""
    source, *dynamic = builder.slots(list(op.operands))
    result = builder.slot(op.results[0])
    given = [list(ir.DenseI64ArrayAttr(op.attributes[f"static_{name}"])) for name in ("offsets", "sizes", "strides")]
    unknown = ir.ShapedType.get_dynamic_size()

    def run(unit: Unit, active: Active) -> None:
        rest = iter(dynamic)
        numbers = [[unit.slots[next(rest)] if n == unknown else np.int64(n) for n in group] for group in given]
        memory = unit.slots[source]
        address = memory.address + numbers[0][0] * memory.dtype.itemsize
        unit.slots[result] = Memory(address, memory.dtype, tuple(numbers[1]), tuple(numbers[2]))

    return run


def make_alloca(op: ir.Operation, builder: Builder) -> Step:
    """``memref.alloca``: an array of each thread."""
    kind, result = ir.MemRefType(op.results[0].type), builder.slot(op.results[0])
    dtype, shape = element(kind).dtype, tuple(kind.shape)
    strides = tuple(kind.get_strides_and_offset()[0])

    def run(unit: Unit, active: Active) -> None:
        size = max(1, int(np.prod(shape))) * dtype.itemsize
        room = np.full(size * unit.count + 16, 0xFF, np.uint8)
        start = int(room.__array_interface__["data"][0])
        unit.cluster.memory.add(Buffer(start, room))
        unit.slots[result] = Memory(start + np.arange(unit.count) * size, dtype, shape, strides)

    return run


def make_assert(op: ir.Operation, builder: Builder) -> Step:
    """``cf.assert``."""
    condition, message = builder.slot(op.operands[0]), ir.StringAttr(op.attributes["msg"]).value

    def run(unit: Unit, active: Active) -> None:
        if not chosen(unit.slots[condition], active).all():
            raise ExecutionError(f"assertion failed: {message}")

    return run


MAKERS: dict[str, Maker] = {
    "cf.assert": make_assert,
    "gpu.block_dim": make_position,
    "gpu.block_id": make_position,
    "gpu.grid_dim": make_position,
    "gpu.thread_id": make_position,
    "llvm.getelementptr": make_element_pointer,
    "llvm.inttoptr": make_same,
    "llvm.load": make_load,
    "llvm.mlir.addressof": make_address_of,
    "llvm.ptrtoint": make_same,
    "llvm.store": make_store,
    "memref.alloca": make_alloca,
    "memref.dim": make_dim,
    "memref.extract_aligned_pointer_as_index": make_aligned_pointer,
    "memref.load": make_memref_load,
    "memref.reinterpret_cast": make_reinterpret_cast,
    "memref.store": make_memref_store,
    "memref.view": make_view,
}
