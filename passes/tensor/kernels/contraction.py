"""Matrix products: which dimension of a structured operation plays which role."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.buffer.contraction.numbers import multiplies_and_adds
from stepwell.passes.tensor.structured import is_structured


@dataclass(frozen=True)
class Contraction:
    """``result[batch, row, column] += left[batch, row, depth] * right[batch, depth, column]``.

    Attributes:
        op: the operation.
        left, right: positions of the operands; the columns are those of ``right``.
        batch, row, column, depth: dimensions of each role, in the order in which the result (``depth``: the left
            operand) has them; each may be several or none.
        maps: of the left operand, the right operand and the result: the dimension of each axis.
    """

    op: ir.Operation
    left: int
    right: int
    batch: tuple[int, ...]
    row: tuple[int, ...]
    column: tuple[int, ...]
    depth: tuple[int, ...]
    maps: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def match_contraction(op: ir.Operation) -> Contraction | None:
    """The roles in ``op``, or None if it is no sum of products indexed by single dimensions."""
    if not is_structured(op) or len(op.operands) != 3 or len(op.results) != 1 or not multiplies_and_adds(op):
        return None
    maps = [_dims(ir.AffineMapAttr(attribute).value) for attribute in linalg.get_indexing_maps(op)]
    if any(dims is None for dims in maps):
        return None
    first, second, result = (dims or () for dims in maps)
    depth = [dim for dim in first if dim not in result]
    if not depth or any(dim not in second for dim in depth) or any(dim not in (*result, *depth) for dim in second):
        return None
    columns = [dim for dim in result if dim not in first]
    rows = [dim for dim in result if dim not in second]
    if len(rows) + len(columns) + sum(dim in first and dim in second for dim in result) != len(result):
        return None
    # The columns are what lies contiguous in the result, where one of the operands has it alone.
    swapped = bool(result) and result[-1] in rows
    if swapped:
        rows, columns = columns, rows
    left, right = (second, first) if swapped else (first, second)
    return Contraction(
        op,
        int(swapped),
        int(not swapped),
        tuple(dim for dim in result if dim in first and dim in second),
        tuple(rows),
        tuple(columns),
        tuple(dim for dim in left if dim not in result),
        (left, right, result),
    )


def planes_of_rows(c: Contraction) -> bool:
    """Whether matrices and result are a plane of memory for each batch, each matrix row by row or column by column."""
    if c.maps[2] != c.batch + c.row + c.column:
        return False
    if c.maps[0] not in (c.batch + c.row + c.depth, c.batch + c.depth + c.row):
        return False
    return c.maps[1] in (c.batch + c.depth + c.column, c.batch + c.column + c.depth)


def _dims(map_: ir.AffineMap) -> tuple[int, ...] | None:
    """The dimension of each axis, None where an axis is another expression or a dimension stands twice."""
    dims = [ir.AffineDimExpr(e).position if isinstance(e, ir.AffineDimExpr) else None for e in map_.results]
    if None in dims or len(set(dims)) != len(dims):
        return None
    return tuple(dim for dim in dims if dim is not None)
