"""Buffers that one group of row operations has for itself: at any time it needs but a row of each."""

from __future__ import annotations

from math import prod

from torch_mlir import ir

from stepwell.passes.buffer.rows.group import Group
from stepwell.passes.buffer.types import element_bytes
from stepwell.passes.buffer.views import VIEWS, root_of


def private_rows(group: Group, most: int) -> dict[ir.Value, ir.MemRefType]:
    """The buffers that nobody but the members of ``group`` touches, with the type of a row of each.

    Args:
        most: bytes that all rows together may take; buffers that exceed it are left out.
    """
    members = [row.op for row, _ in group.members]
    written = dict.fromkeys(root_of(access.value) for row, _ in group.members for access in row.outputs)
    found: dict[ir.Value, ir.MemRefType] = {}
    for root in written:
        if not _is_private(root, members):
            continue
        kind = ir.MemRefType(root.type)
        # Members touch a buffer at their own row: what is left has the sizes behind those of the shared loops.
        shape = [size for size in kind.shape if size != 1][len(group.rows) :]
        size = prod(shape) * element_bytes(kind.element_type)
        if size <= most:
            most -= size
            found[root] = ir.MemRefType.get(shape, kind.element_type, memory_space=kind.memory_space)
    return found


def _is_private(root: ir.Value, members: list[ir.Operation]) -> bool:
    """Whether ``root`` is allocated beside ``members``, of static size, and used by them alone."""
    owner = root.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "memref.alloc":
        return False
    beside = owner.operation.block == members[0].block
    return beside and ir.MemRefType(root.type).has_static_shape and _is_used_by(root, members)


def _is_used_by(value: ir.Value, members: list[ir.Operation]) -> bool:
    for use in value.uses:
        user = use.owner.operation
        if user.name in VIEWS:
            if not _is_used_by(user.results[0], members):
                return False
        elif user not in members:
            return False
    return True
