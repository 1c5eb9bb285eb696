"""Which neighbouring operations can be computed row by row in one loop nest."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from torch_mlir import ir

from stepwell.passes.buffer.contraction.roles import match_contraction
from stepwell.passes.buffer.rows.operation import Access, RowOp, match_row_op
from stepwell.passes.buffer.views import is_whole_view, root_of

_DISTINCT = ("memref.alloc", "memref.get_global")


@dataclass
class Group:
    """Operations that share their outer loops.

    Attributes:
        rows: sizes of the shared loops, outermost first.
        members: the operations in program order, each with its shared loops.
    """

    rows: tuple[int, ...]
    members: list[tuple[RowOp, tuple[int, ...]]] = field(default_factory=list)

    def accepts(self, row: RowOp) -> bool:
        """Whether ``row`` has the shared loops outermost, and every buffer written is touched at its own row only."""
        shared = shared_loops(row, len(self.rows))
        if shared is None or tuple(row.sizes[dim] for dim in shared) != self.rows:
            return False
        members = [*self.members, (row, shared)]
        written = [root_of(access.value) for member, _ in members for access in member.outputs]
        for member, dims in members:
            for access in member.accesses:
                root = root_of(access.value)
                if not _is_distinct(root) or (root in written and not _is_aligned(access, root, member, dims)):
                    return False
        return True


def describe(op: ir.Operation) -> RowOp | None:
    """``op`` as a row operation: a fill, or a ``linalg.generic`` that is no contraction; None for all others."""
    if op.name == "linalg.fill" and not op.results and isinstance(op.operands[1].type, ir.MemRefType):
        access = Access(op.operands[1], tuple(range(ir.MemRefType(op.operands[1].type).rank)))
        kind = access.type
        sizes = tuple(None if kind.is_dynamic_dim(axis) else kind.shape[axis] for axis in range(kind.rank))
        return RowOp(op, (), (access,), sizes, frozenset())
    row = match_row_op(op)
    if row is None or match_contraction(op) is not None:
        return None
    simple = all(_is_scalar(inner.operation) for inner in op.regions[0].blocks[0].operations)
    return row if simple else None


def _is_scalar(op: ir.Operation) -> bool:
    """Whether ``op`` works on numbers alone: a load in a body may touch any row of a buffer."""
    return not op.regions and not any(isinstance(value.type, ir.MemRefType) for value in op.operands)


def rows_of(row: RowOp, most_bytes: int) -> tuple[int, ...] | None:
    """The sizes of the loops around a reduction, if they are static and a row's data is at most ``most_bytes``."""
    loops = real_loops(row)
    count = sum(dim not in row.reduced for dim in loops)
    shared = shared_loops(row, count)
    if not row.reduced.intersection(loops) or not count or shared is None:
        return None
    sizes = [row.sizes[dim] for dim in loops]
    if any(size is None or size == 0 for size in sizes):
        return None
    known = [size for size in sizes if size is not None]
    width = max(_bytes(access.type.element_type) for access in row.accesses)
    return tuple(known[:count]) if prod(known[count:]) * width <= most_bytes else None


def real_loops(row: RowOp) -> list[int]:
    """The loops that have more than one iteration."""
    return [dim for dim, size in enumerate(row.sizes) if size != 1]


def shared_loops(row: RowOp, count: int) -> tuple[int, ...] | None:
    """The outermost ``count`` real loops, None where there are fewer or one is reduced."""
    loops = real_loops(row)[:count]
    if len(loops) < count or any(dim in row.reduced for dim in loops):
        return None
    return tuple(loops)


def _is_distinct(root: ir.Value) -> bool:
    """Whether ``root`` is memory that no other root shares."""
    if isinstance(root, ir.BlockArgument):
        return bool(root.owner.owner.operation.name == "func.func")
    return root.owner.operation.name in _DISTINCT


def _is_aligned(access: Access, root: ir.Value, row: RowOp, shared: tuple[int, ...]) -> bool:
    """Whether iteration ``i`` of the shared loops touches row ``i`` of the buffer and nothing else."""
    axes = [axis for axis, size in enumerate(access.type.shape) if size != 1]
    whole = [size for size in ir.MemRefType(root.type).shape if size != 1]
    if not is_whole_view(access.value) or [access.type.shape[axis] for axis in axes] != whole:
        return False
    return tuple(access.dims[axis] for axis in axes[: len(shared)]) == shared


def _bytes(element: ir.Type) -> int:
    return -(-int(element.width) // 8) if isinstance(element, (ir.FloatType, ir.IntegerType)) else 8
