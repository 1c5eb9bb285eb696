"""Memrefs in kernels: an address, sizes and strides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.emulate.lanes import Active, Array, each
from stepwell.backends.cuda.emulate.machine import Unit
from stepwell.backends.cuda.emulate.memory import Buffer, buffer_of
from stepwell.backends.cuda.emulate.program import Builder, Maker, Step
from stepwell.backends.cuda.emulate.storage import load, store
from stepwell.backends.interpreter.constants import constant_value
from stepwell.backends.interpreter.element_types import element
from stepwell.support.errors import ExecutionError
from stepwell.support.walk import named


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


def make_get_global(op: ir.Operation, builder: Builder) -> Step:
    """``memref.get_global``: a table of constants of the module."""
    module, result = op, builder.slot(op.results[0])
    while module.name != "gpu.module":
        module = module.parent.operation
    name = ir.FlatSymbolRefAttr(op.attributes["name"]).value
    table = next(
        one for one in named(module, "memref.global") if ir.StringAttr(one.attributes["sym_name"]).value == name
    )
    array = np.ascontiguousarray(constant_value(table, "initial_value", op.results[0].type))

    def run(unit: Unit, active: Active) -> None:
        unit.cluster.memory.add(buffer_of(array))
        unit.slots[result] = memory_of(array)

    return run


def make_metadata(op: ir.Operation, builder: Builder) -> Step:
    """``memref.extract_strided_metadata``: the address of a memref has its offset in it."""
    source, (base, offset, *numbers) = builder.slot(op.operands[0]), builder.slots(list(op.results))

    def run(unit: Unit, active: Active) -> None:
        memory = unit.slots[source]
        unit.slots[base] = Memory(memory.address, memory.dtype, (), ())
        unit.slots[offset] = np.int64(0)
        for slot, number in zip(numbers, [*memory.sizes, *memory.strides], strict=True):
            unit.slots[slot] = np.int64(number)

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


MAKERS: dict[str, Maker] = {
    "memref.alloca": make_alloca,
    "memref.dim": make_dim,
    "memref.extract_aligned_pointer_as_index": make_aligned_pointer,
    "memref.extract_strided_metadata": make_metadata,
    "memref.get_global": make_get_global,
    "memref.load": make_memref_load,
    "memref.reinterpret_cast": make_reinterpret_cast,
    "memref.store": make_memref_store,
    "memref.view": make_view,
}
