"""vectorize-transposes: transposes on buffers in square blocks that are turned in registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, vector

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.rows.collapse import collapse
from stepwell.passes.buffer.rows.copies import spell_out_transpose
from stepwell.passes.buffer.rows.loops import constant, loop, parallel
from stepwell.passes.buffer.rows.operation import Access, RowOp
from stepwell.support.walk import named

_BITS = (8, 16, 32, 64)
# Wider squares need more registers than there are.
_MOST_LANES = 16


@dataclass
class VectorizeTransposes(Pass):
    """Replace ``linalg.transpose`` on buffers by loops over blocks of as many rows as a vector has elements.

    A block is read by rows and written by columns, and turned in registers between; what is left of either dimension
    goes element by element. A transpose that keeps the last dimension becomes a ``linalg.generic`` that copies its
    rows. Bits, and buffers whose last dimension is not contiguous, are left alone.

    Options:
        vector_bits: width of a vector register.
    """

    name: ClassVar[str] = "vectorize-transposes"
    summary: ClassVar[str] = "transposes in square blocks that are turned in registers"

    vector_bits: int = 256

    def run(self, op: ir.Operation, context: PassContext) -> None:
        turned = copied = 0
        found = named(op, "linalg.transpose")
        for transpose in found:
            if len(transpose.results) or not _has_rows(transpose):
                continue
            order = list(ir.DenseI64ArrayAttr(transpose.attributes["permutation"]))
            lanes = self._lanes(transpose)
            if order[-1] == len(order) - 1:
                spell_out_transpose(transpose)
                copied += 1
            elif lanes > 1:
                row = collapse(_described(transpose, order))
                with ir.InsertionPoint(transpose), transpose.location:
                    _Turn(row, lanes).emit()
                transpose.erase()
                turned += 1
        context.note(self.name, turned=turned, copied=copied)

    def _lanes(self, op: ir.Operation) -> int:
        element = ir.MemRefType(op.operands[0].type).element_type
        if not isinstance(element, (ir.FloatType, ir.IntegerType)) or element.width not in _BITS:
            return 1
        return min(_MOST_LANES, int(self.vector_bits // element.width))


def _has_rows(op: ir.Operation) -> bool:
    kinds = [ir.MemRefType(value.type) for value in op.operands]
    return all(kind.rank > 1 and kind.get_strides_and_offset()[0][-1] == 1 for kind in kinds)


def _described(op: ir.Operation, order: list[int]) -> RowOp:
    """The transpose over the dimensions of its result."""
    source, target = op.operands
    kind = ir.MemRefType(target.type)
    sizes = tuple(None if kind.is_dynamic_dim(axis) else kind.shape[axis] for axis in range(kind.rank))
    read = Access(source, tuple(order.index(axis) for axis in range(kind.rank)))
    return RowOp(op, (read,), (Access(target, tuple(range(kind.rank))),), sizes, frozenset())


class _Turn:
    def __init__(self, row: RowOp, lanes: int) -> None:
        (read,), (written,) = row.inputs, row.outputs
        self.source, self.target = read.value, written.value
        self.order, self.lanes = [read.dims.index(dim) for dim in written.dims], lanes
        self.along, self.across = len(self.order) - 1, self.order[-1]
        self.kind = ir.VectorType.get([lanes], ir.MemRefType(self.source.type).element_type)

    def emit(self) -> None:
        """All other dimensions and strips of rows in parallel, then the rows that make up no strip."""
        kind = ir.MemRefType(self.source.type)
        sizes = [memref.dim(self.source, constant(axis)) for axis in range(kind.rank)]
        others = [axis for axis in self.order if axis not in (self.along, self.across)]
        rows, columns = sizes[self.across], sizes[self.along]
        whole_rows, whole_columns = (
            arith.muli(arith.divui(size, constant(self.lanes)), constant(self.lanes)) for size in (rows, columns)
        )
        outer = [sizes[axis] for axis in others]

        def strip(indices: list[ir.Value]) -> None:
            *fixed, row = indices
            at = dict(zip(others, fixed, strict=True))
            loop(constant(0), whole_columns, self.lanes, [], lambda column, _: self._block(at, row, column))
            end = arith.addi(row, constant(self.lanes))
            self._one_by_one(at, (row, end), (whole_columns, columns))

        def rest(indices: list[ir.Value]) -> None:
            at = dict(zip(others, indices, strict=True))
            self._one_by_one(at, (whole_rows, rows), (constant(0), columns))

        if kind.is_dynamic_dim(self.across) or kind.shape[self.across] >= self.lanes:
            parallel([*outer, whole_rows], strip, [*[1] * len(outer), self.lanes])
        if kind.is_dynamic_dim(self.across) or kind.shape[self.across] % self.lanes:
            parallel(outer, rest)

    def _block(self, at: dict[int, ir.Value], row: ir.Value, column: ir.Value) -> list[ir.Value]:
        steps = [constant(part) for part in range(self.lanes)]
        block = [vector.load(self.kind, self.source, self._read(at, arith.addi(row, step), column)) for step in steps]
        for step, value in zip(steps, _turned(block), strict=True):
            vector.store(value, self.target, self._written(at, row, arith.addi(column, step)))
        return []

    def _one_by_one(
        self, at: dict[int, ir.Value], rows: tuple[ir.Value, ir.Value], columns: tuple[ir.Value, ir.Value]
    ) -> None:
        def down(row: ir.Value, _: list[ir.Value]) -> list[ir.Value]:
            def right(column: ir.Value, _: list[ir.Value]) -> list[ir.Value]:
                value = memref.load(self.source, self._read(at, row, column))
                memref.store(value, self.target, self._written(at, row, column))
                return []

            loop(*columns, 1, [], right)
            return []

        loop(*rows, 1, [], down)

    def _read(self, at: dict[int, ir.Value], row: ir.Value, column: ir.Value) -> list[ir.Value]:
        places = {**at, self.across: row, self.along: column}
        return [places[axis] for axis in range(len(self.order))]

    def _written(self, at: dict[int, ir.Value], row: ir.Value, column: ir.Value) -> list[ir.Value]:
        places = {**at, self.across: row, self.along: column}
        return [places[axis] for axis in self.order]


def _turned(rows: list[ir.Value]) -> list[ir.Value]:
    """The columns of a square of ``2^k`` rows: ``k`` rounds that shuffle its halves like a deck of cards."""
    count = len(rows)
    lower = [place for lane in range(count // 2) for place in (lane, count + lane)]
    upper = [place + count // 2 for place in lower]
    for _ in range(count.bit_length() - 1):
        pairs = zip(rows[: count // 2], rows[count // 2 :], strict=True)
        rows = [vector.shuffle(one, other, half) for one, other in pairs for half in (lower, upper)]
    return rows
