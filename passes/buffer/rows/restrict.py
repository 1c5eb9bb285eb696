"""A row operation at one iteration of its outer loops."""

from __future__ import annotations

from collections.abc import Mapping

from torch_mlir import ir
from torch_mlir.dialects import linalg, memref

from stepwell.passes.buffer.rows.group import real_loops
from stepwell.passes.buffer.rows.loops import constant
from stepwell.passes.buffer.rows.operation import Access, RowOp
from stepwell.passes.buffer.views import root_of
from stepwell.passes.tensor.build import inline_body

_DYNAMIC = ir.ShapedType.get_dynamic_size()
_UNKNOWN = ir.ShapedType.get_dynamic_stride_or_offset()


def restrict(row: RowOp, at: dict[int, ir.Value], rows: Mapping[ir.Value, ir.Value]) -> None:
    """Build at the insertion point what ``row`` does at the iterations ``at``, without its loops of one iteration.

    Args:
        rows: by buffer, what holds the row of it that this iteration touches, where that is not the buffer itself.
    """
    kept = [dim for dim in real_loops(row) if dim not in at]
    position = {dim: new for new, dim in enumerate(kept)}
    values, maps = [], []
    for access in row.accesses:
        axes = [axis for axis, dim in enumerate(access.dims) if _stays(access, axis, dim, at)]
        values.append(rows.get(root_of(access.value)) or _slice(access, axes, at))
        results = [_result(access.dims[axis], position) for axis in axes]
        maps.append(ir.AffineMapAttr.get(ir.AffineMap.get(len(kept), 0, results)))
    kinds = ["reduction" if dim in row.reduced else "parallel" for dim in kept]
    iterators = [ir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]
    made = ir.Operation.create(
        "linalg.generic",
        [],
        values,
        {
            "indexing_maps": ir.ArrayAttr.get(maps),
            "iterator_types": ir.ArrayAttr.get(iterators),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(row.inputs), len(row.outputs)]),
        },
        regions=1,
    )
    block = made.regions[0].blocks.append(*[access.type.element_type for access in row.accesses])
    with ir.InsertionPoint(block):
        _copy_body(row, block, at, position)


def _stays(access: Access, axis: int, dim: int | None, at: dict[int, ir.Value]) -> bool:
    return dim not in at and access.type.shape[axis] != 1


def _result(dim: int | None, position: dict[int, int]) -> ir.AffineExpr:
    return ir.AffineConstantExpr.get(0) if dim is None else ir.AffineDimExpr.get(position[dim])


def _slice(access: Access, axes: list[int], at: dict[int, ir.Value]) -> ir.Value:
    """The part of an operand at ``at``, with the axes that stay."""
    kind = access.type
    if len(axes) == len(access.dims):
        return access.value
    strides, offset = kind.get_strides_and_offset()
    fixed = [at.get(dim) if dim is not None else None for dim in access.dims]
    offsets = [index for index in fixed if index is not None]
    shape = [kind.shape[axis] if axis in axes else 1 for axis in range(kind.rank)]
    sizes = [memref.dim(access.value, constant(axis)) for axis in axes if kind.is_dynamic_dim(axis)]
    layout = ir.StridedLayoutAttr.get(_UNKNOWN if offsets else offset, [strides[axis] for axis in axes])
    result = ir.MemRefType.get([shape[axis] for axis in axes], kind.element_type, layout, kind.memory_space)
    static = [0 if index is None else _DYNAMIC for index in fixed]
    return memref.SubViewOp(result, access.value, offsets, sizes, [], static, shape, [1] * kind.rank).result


def _copy_body(row: RowOp, block: ir.Block, at: dict[int, ir.Value], position: dict[int, int]) -> None:
    if row.op.name == "linalg.fill":
        linalg.YieldOp([row.op.operands[0]])
        return

    def index(dim: int) -> ir.Value:
        if dim in position:
            return linalg.IndexOp(position[dim]).result
        return at[dim] if dim in at else constant(0)

    linalg.YieldOp(inline_body(row.op.regions[0].blocks[0], list(block.arguments), index))
