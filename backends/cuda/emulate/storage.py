"""Loads and stores by pointers, and where the threads are."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.emulate.lanes import Active, Array, chosen
from stepwell.backends.cuda.emulate.machine import Unit
from stepwell.backends.cuda.emulate.memory import SHARED_BASE, from_bytes, to_bytes
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
}
