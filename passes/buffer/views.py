"""Views, and the buffers behind them."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

#: Operations whose result is another view of their first operand's memory.
VIEWS = frozenset({
    "memref.subview", "memref.cast", "memref.view", "memref.reinterpret_cast", "memref.expand_shape",
    "memref.collapse_shape", "memref.transpose", "memref.reshape", "memref.memory_space_cast",
    "memref.assume_alignment",
})  # fmt: skip

#: Views that hold every element of their operand, in the same order.
_WHOLE = frozenset({"memref.cast", "memref.expand_shape", "memref.collapse_shape", "memref.assume_alignment"})


def root_of(value: ir.Value) -> ir.Value:
    """The value that ``value`` is a view of, through any number of views."""
    while isinstance(value, ir.OpResult) and value.owner.operation.name in VIEWS:
        value = value.owner.operation.operands[0]
    return value


def is_whole_view(value: ir.Value) -> bool:
    """Whether every view between ``value`` and its root holds all elements of it in order."""
    while isinstance(value, ir.OpResult) and value.owner.operation.name in VIEWS:
        if value.owner.operation.name not in _WHOLE:
            return False
        value = value.owner.operation.operands[0]
    return True


def plain_type(type_: ir.MemRefType) -> ir.MemRefType:
    """``type_`` with the identity layout."""
    return ir.MemRefType.get(type_.shape, type_.element_type, memory_space=type_.memory_space)


def sizes_of(value: ir.Value) -> list[ir.Value]:
    """The dynamic sizes of ``value``, as ``memref.dim`` at the current insertion point."""
    type_ = ir.MemRefType(value.type)
    dynamic = [i for i in range(type_.rank) if type_.is_dynamic_dim(i)]
    return [memref.DimOp(value, arith.ConstantOp(ir.IndexType.get(), i).result).result for i in dynamic]


def allocate_like(value: ir.Value) -> ir.Value:
    """A new buffer with the shape of ``value`` and the identity layout."""
    return memref.AllocOp(plain_type(ir.MemRefType(value.type)), sizes_of(value), [], alignment=64).memref


def copy_of(value: ir.Value) -> ir.Value:
    """A new buffer with the contents of ``value``."""
    made = allocate_like(value)
    memref.copy(value, made)
    return made


def erase_unused(value: ir.Value) -> None:
    """Erase the buffer ``value`` and its views where nobody reads or writes them any more."""
    for use in list(value.uses):
        user = use.owner.operation
        if user.name in VIEWS:
            erase_unused(user.results[0])
    owner = value.owner
    if isinstance(owner, ir.Block) or any(True for _ in value.uses):
        return
    if owner.operation.name in VIEWS or owner.operation.name == "memref.alloc":
        owner.operation.erase()
