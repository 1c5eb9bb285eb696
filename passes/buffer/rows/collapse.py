"""Fewer, longer loops: neighbouring dimensions that all operands walk through together become one."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import memref

from stepwell.passes.buffer.rows.operation import Access, RowOp
from stepwell.passes.buffer.views import plain_type

_DYNAMIC = ir.ShapedType.get_dynamic_stride_or_offset()


def collapse(row: RowOp) -> RowOp:
    """``row`` with every pair of dimensions ``d``, ``d + 1`` merged that is contiguous in each operand.

    A body that asks for its indices keeps all dimensions. The new views are made in front of the operation, whose own
    operands stay as they are.
    """
    if any(op.operation.name == "linalg.index" for op in row.op.regions[0].blocks[0].operations):
        return row
    dim = 0
    while dim + 1 < len(row.sizes):
        if _mergeable(row, dim):
            with ir.InsertionPoint(row.op), row.op.location:
                row = _merge(row, dim)
        else:
            dim += 1
    return row


def _mergeable(row: RowOp, dim: int) -> bool:
    if (dim in row.reduced) != (dim + 1 in row.reduced) or None in row.sizes[dim : dim + 2]:
        return False
    for access in row.accesses:
        first, second = access.dims.count(dim), access.dims.count(dim + 1)
        if first == second == 0:
            continue
        if first != 1 or second != 1 or access.dims.index(dim) + 1 != access.dims.index(dim + 1):
            return False
        axis = access.dims.index(dim)
        if any(access.type.is_dynamic_dim(a) for a in (axis, axis + 1)):
            return False
        strides, _ = access.type.get_strides_and_offset()
        if _DYNAMIC in strides[axis : axis + 2] or strides[axis] != strides[axis + 1] * access.type.shape[axis + 1]:
            return False
    return any(dim in access.dims for access in row.accesses)


def _merge(row: RowOp, dim: int) -> RowOp:
    first, second = row.sizes[dim], row.sizes[dim + 1]
    assert first is not None and second is not None
    sizes = (*row.sizes[:dim], first * second, *row.sizes[dim + 2 :])
    reduced = frozenset(d if d <= dim else d - 1 for d in row.reduced)
    inputs = tuple(_merge_access(access, dim) for access in row.inputs)
    outputs = tuple(_merge_access(access, dim) for access in row.outputs)
    return RowOp(row.op, inputs, outputs, sizes, reduced)


def _merge_access(access: Access, dim: int) -> Access:
    dims = tuple(d if d is None or d <= dim else d - 1 for d in access.dims)
    if dim not in access.dims:
        return Access(access.value, dims)
    axis = access.dims.index(dim)
    groups = [[a] for a in range(axis)] + [[axis, axis + 1]] + [[a] for a in range(axis + 2, len(access.dims))]
    shape = access.type.shape
    merged = [*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]]
    kind = ir.MemRefType.get(merged, access.type.element_type, memory_space=access.type.memory_space)
    if access.type != plain_type(access.type):
        strides, offset = access.type.get_strides_and_offset()
        layout = ir.StridedLayoutAttr.get(offset, [*strides[:axis], *strides[axis + 1 :]])
        kind = ir.MemRefType.get(merged, access.type.element_type, layout, access.type.memory_space)
    value = memref.CollapseShapeOp(kind, access.value, groups).result
    return Access(value, dims[:axis] + dims[axis + 1 :])
