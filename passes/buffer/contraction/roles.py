"""Which dimension of a contraction plays which role in a register-blocked kernel."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.buffer.contraction.numbers import SOURCES, multiplies_and_adds

_DYNAMIC = ir.ShapedType.get_dynamic_size()


@dataclass(frozen=True)
class Contraction:
    """``out[batch, row, lane] += left[batch, row, reduced] * right[batch, reduced, lane]``, summed in ``out``'s type.

    The lane dimension is the contiguous one of ``right`` and of ``out`` and does not index ``left``: one scalar of
    ``left`` meets a vector of ``right``. The row dimension does not index ``right``: a vector serves all rows.
    ``right`` may be packed in panels: indexed by ``lane floordiv panel`` and, innermost, ``lane mod panel``, or with
    ``group`` steps of the reduction side by side: ``reduced floordiv group``, and last
    ``reduced mod group``.

    Attributes:
        left, right, out: the memrefs; ``left_map``, ``right_map``, ``out_map`` index them by the dimensions.
        sizes: of each dimension, None where dynamic.
        batch, row, reduced: dimensions; ``row`` None where no dimension qualifies. ``lane`` is the vector dimension.
        panel: elements of the lane dimension in a panel of ``right``, None where it is not packed.
        group: steps of the reduction that lie side by side in a panel.
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
    group: int = 1

    @property
    def bits(self) -> int:
        """Width of an element of the result."""
        return 64 if str(self.element) == "f64" else 32

    @property
    def element(self) -> ir.Type:
        """The element type of the result: what is summed in."""
        return ir.MemRefType(self.out.type).element_type

    @property
    def source(self) -> ir.Type:
        """The element type of the right operand: that of the result, or a narrower one that extends to it."""
        return ir.MemRefType(self.right.type).element_type

    @property
    def source_bits(self) -> int:
        """Width of an element of the right operand."""
        return int(self.source.width)

    @property
    def is_narrow(self) -> bool:
        """Whether operands are extended before they are multiplied."""
        return bool(self.source != self.element)


def match_contraction(op: ir.Operation) -> Contraction | None:
    """The roles in ``op``, or None if it is no contraction of known types on buffers that has a lane dimension."""
    maps = contraction_maps(op)
    if maps is None or len(op.results):
        return None
    operands = list(op.operands)
    types = [value.type for value in operands]
    if len(operands) != 3 or not all(_plain(kind) for kind in types):
        return None
    left_type, right_type, out_type = (str(ir.MemRefType(kind).element_type) for kind in types)
    if left_type != right_type or right_type not in SOURCES.get(out_type, ()):
        return None
    out_map = maps[2]
    dims = list(range(out_map.n_dims))
    parallel = [_position(result) for result in out_map.results]
    if None in parallel or not parallel:
        return None
    lane = parallel[-1]
    assert lane is not None
    for left, right in ((0, 1), (1, 0)):
        found = _panel(maps[right], lane)
        if found is not None and not _uses(maps[left], lane):
            break
    else:
        return None
    panel, group = found
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
        group,
    )


def _panel(indexing: ir.AffineMap, lane: int) -> tuple[int, int] | None:
    """The width of the panels and groups of an operand whose innermost dimension runs along ``lane``.

    The width is 0 where it is not packed; None if it runs along another one.
    """
    results, group = list(indexing.results), 1
    grouped = _modulo(results[-1])
    if grouped is not None and grouped[0] != lane and len(results) > 1:
        dim, group = grouped
        *results, _ = results
        others = [result for result in results if _expression_uses(result, dim)]
        if len(others) != 1 or not _divides(others[0], dim, group):
            return None
    *outer, last = results
    users = [result for result in outer if _expression_uses(result, lane)]
    if _position(last) == lane and not users and group == 1:
        return 0, 1
    inner = _modulo(last)
    if inner is None or inner[0] != lane or len(users) != 1 or not _divides(users[0], *inner):
        return None
    return inner[1], group


def _modulo(expression: ir.AffineExpr) -> tuple[int, int] | None:
    """``d`` and ``n`` of ``d mod n``."""
    if not isinstance(expression, ir.AffineModExpr) or not isinstance(expression.rhs, ir.AffineConstantExpr):
        return None
    dim = _position(expression.lhs)
    return None if dim is None else (dim, ir.AffineConstantExpr(expression.rhs).value)


def _divides(expression: ir.AffineExpr, dim: int, by: int) -> bool:
    """Whether ``expression`` is ``dim floordiv by``."""
    if not isinstance(expression, ir.AffineFloorDivExpr) or _position(expression.lhs) != dim:
        return False
    return bool(expression.rhs == ir.AffineConstantExpr.get(by))


def contraction_maps(op: ir.Operation) -> list[ir.AffineMap] | None:
    """The maps of an operation that multiplies and adds, on tensors or buffers; None for all others."""
    if op.name not in ("linalg.matmul", "linalg.batch_matmul", "linalg.generic"):
        return None
    if op.name == "linalg.generic" and not multiplies_and_adds(op):
        return None
    if "cast" in op.attributes and "unsigned" in str(op.attributes["cast"]):
        return None
    return [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]


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
