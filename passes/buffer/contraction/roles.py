"""Which dimension of a contraction plays which role in a register-blocked kernel."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

_DYNAMIC = ir.ShapedType.get_dynamic_size()


@dataclass(frozen=True)
class Contraction:
    """``out[batch, row, lane] += left[batch, row, reduced] * right[batch, reduced, lane]`` over floats.

    The lane dimension is the contiguous one of ``right`` and of ``out`` and does not index ``left``: one scalar of
    ``left`` meets a vector of ``right``. The row dimension does not index ``right``: a vector serves all rows.
    ``right`` may be packed in panels: indexed by ``lane floordiv panel`` and, innermost, ``lane mod panel``.

    Attributes:
        left, right, out: the memrefs; ``left_map``, ``right_map``, ``out_map`` index them by the dimensions.
        sizes: of each dimension, None where dynamic.
        batch, row, reduced: dimensions; ``row`` None where no dimension qualifies. ``lane`` is the vector dimension.
        panel: elements of the lane dimension in a panel of ``right``, None where it is not packed.
    """

    op: ir.Operation
    left: ir.Value
    right: ir.Value
    out: ir.Value
    left_map: ir.AffineMap
    right_map: ir.AffineMap
    out_map: ir.AffineMap
    sizes: tuple[int | None, ...]
    batch: tuple[int, ...]
    row: int | None
    lane: int
    reduced: tuple[int, ...]
    panel: int | None

    @property
    def bits(self) -> int:
        """Width of an element."""
        return 64 if str(self.element) == "f64" else 32

    @property
    def element(self) -> ir.Type:
        """The element type, the same of all three."""
        return ir.MemRefType(self.out.type).element_type


def match_contraction(op: ir.Operation) -> Contraction | None:
    """The roles in ``op``, or None if it is no float contraction on buffers that has a lane dimension."""
    maps = contraction_maps(op)
    if maps is None or len(op.results):
        return None
    operands = list(op.operands)
    types = [value.type for value in operands]
    if len(operands) != 3 or not all(_plain(kind) for kind in types):
        return None
    elements = {str(ir.MemRefType(kind).element_type) for kind in types}
    if elements not in ({"f32"}, {"f64"}):
        return None
    out_map = maps[2]
    dims = list(range(out_map.n_dims))
    parallel = [_position(result) for result in out_map.results]
    if None in parallel or not parallel:
        return None
    lane = parallel[-1]
    assert lane is not None
    for left, right in ((0, 1), (1, 0)):
        panel = _panel(maps[right], lane)
        if panel is not None and not _uses(maps[left], lane):
            break
    else:
        return None
    sizes = _sizes(operands, maps, dims)
    if sizes is None:
        return None
    if panel and sizes[lane] is None:
        return None  # its panels might start anywhere
    others = [dim for dim in parallel[:-1] if dim is not None]
    rows = [dim for dim in others if not _uses(maps[right], dim)]
    row = rows[-1] if rows else None
    return Contraction(
        op,
        operands[left],
        operands[right],
        operands[2],
        maps[left],
        maps[right],
        out_map,
        sizes,
        tuple(dim for dim in others if dim != row),
        row,
        lane,
        tuple(dim for dim in dims if dim not in parallel),
        panel or None,
    )


def _panel(indexing: ir.AffineMap, lane: int) -> int | None:
    """The panel width of an operand whose innermost dimension runs along ``lane``; 0 unpacked, None not at all."""
    *outer, last = indexing.results
    users = [result for result in outer if _expression_uses(result, lane)]
    if _position(last) == lane and not users:
        return 0
    if not isinstance(last, ir.AffineModExpr) or len(users) != 1 or not isinstance(users[0], ir.AffineFloorDivExpr):
        return None
    if _position(last.lhs) != lane or _position(users[0].lhs) != lane or last.rhs != users[0].rhs:
        return None
    return ir.AffineConstantExpr(last.rhs).value if isinstance(last.rhs, ir.AffineConstantExpr) else None


def contraction_maps(op: ir.Operation) -> list[ir.AffineMap] | None:
    """The maps of an operation that multiplies and adds, on tensors or buffers; None for all others."""
    if op.name not in ("linalg.matmul", "linalg.batch_matmul", "linalg.generic"):
        return None
    if op.name == "linalg.generic" and not _multiplies_and_adds(op):
        return None
    return [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]


def _multiplies_and_adds(op: ir.Operation) -> bool:
    body = op.regions[0].blocks[0]
    names = [inner.operation.name for inner in body.operations]
    if names != ["arith.mulf", "arith.addf", "linalg.yield"] or len(body.arguments) != 3:
        return False
    product, total, final = (inner.operation for inner in body.operations)
    a, b, out = body.arguments
    return (
        set(product.operands) == {a, b}
        and set(total.operands) == {product.results[0], out}
        and list(final.operands) == [total.results[0]]
    )


def _plain(kind: ir.Type) -> bool:
    """Whether ``kind`` is a memref whose last dimension is contiguous."""
    if not isinstance(kind, ir.MemRefType) or kind.rank == 0:
        return False
    strides, _ = kind.get_strides_and_offset()
    return bool(strides[-1] == 1)


def _sizes(operands: list[ir.Value], maps: list[ir.AffineMap], dims: list[int]) -> tuple[int | None, ...] | None:
    sizes: dict[int, int | None] = {}
    for value, indexing in zip(operands, maps, strict=True):
        for axis, result in enumerate(indexing.results):
            position = _position(result)
            if position is not None:
                size = ir.MemRefType(value.type).shape[axis]
                if size != _DYNAMIC:
                    sizes[position] = size
                else:
                    sizes.setdefault(position, None)
    return tuple(sizes[dim] for dim in dims) if len(sizes) == len(dims) else None


def _position(expression: ir.AffineExpr) -> int | None:
    return expression.position if isinstance(expression, ir.AffineDimExpr) else None


def _uses(indexing: ir.AffineMap, dim: int) -> bool:
    return any(_expression_uses(result, dim) for result in indexing.results)


def _expression_uses(expression: ir.AffineExpr, dim: int) -> bool:
    if isinstance(expression, ir.AffineDimExpr):
        return bool(expression.position == dim)
    if isinstance(expression, ir.AffineBinaryExpr):
        return _expression_uses(expression.lhs, dim) or _expression_uses(expression.rhs, dim)
    return False
