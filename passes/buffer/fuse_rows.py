"""fuse-rows: chains of reductions and elementwise operations, one row at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import memref

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.liveness import in_parallel
from stepwell.passes.buffer.rows.group import Group, describe, rows_of, shared_loops
from stepwell.passes.buffer.rows.loops import constant, nested, parallel
from stepwell.passes.buffer.rows.operation import RowOp
from stepwell.passes.buffer.rows.private import private_rows
from stepwell.passes.buffer.rows.restrict import restrict
from stepwell.passes.buffer.views import VIEWS, erase_unused
from stepwell.support.walk import operations

_ALIGNMENT = 64
_MOVABLE = VIEWS | {"memref.alloc", "memref.dim", "memref.get_global"}


@dataclass
class FuseRows(Pass):
    """Compute neighbouring operations around a reduction in one loop over its rows, so that a row stays in cache.

    A softmax or a normalisation is a chain of passes over the same rows: here it becomes one ``scf.parallel`` over
    them, with the chain on one row inside. Operations join if they have the reduction's outer loops outermost and
    every buffer that one of them writes is touched by all of them at the loop's own row only.

    Options:
        row_bytes: the most bytes of a row, about what stays in the second-level cache.
        private_bytes: the most bytes of rows that take the place of buffers nobody else uses, on a thread's stack.
    """

    name: ClassVar[str] = "fuse-rows"
    summary: ClassVar[str] = "chains of reductions and elementwise operations, one row at a time"

    row_bytes: int = 262144
    private_bytes: int = 16384

    def run(self, op: ir.Operation, context: PassContext) -> None:
        around = [found for found in operations(op) if found.regions and not found.name.startswith("linalg.")]
        blocks = [block for candidate in around for region in candidate.regions for block in region.blocks]
        groups = [group for block in blocks for run in _runs(block) for group in self._groups(run)]
        for group in groups:
            _fuse(group, private_rows(group, self.private_bytes))
        context.note(self.name, groups=len(groups), operations=sum(len(group.members) for group in groups))

    def _groups(self, run: list[RowOp]) -> list[Group]:
        """Groups around the reductions of ``run``, each as long as it can be."""
        groups, first = [], 0
        for position, seed in enumerate(run):
            rows = rows_of(seed, self.row_bytes) if position >= first else None
            group = Group(rows) if rows is not None else None
            if group is None or not group.accepts(seed):
                continue
            start, end = position, position + 1
            _add(group, seed)
            while start > first and group.accepts(run[start - 1]):
                start -= 1
                _add(group, run[start], ahead=True)
            while end < len(run) and group.accepts(run[end]):
                _add(group, run[end])
                end += 1
            if len(group.members) > 1:
                groups.append(group)
                first = end
        return groups


def _add(group: Group, row: RowOp, ahead: bool = False) -> None:
    shared = shared_loops(row, len(group.rows))
    assert shared is not None
    group.members.insert(0 if ahead else len(group.members), (row, shared))


def _runs(block: ir.Block) -> list[list[RowOp]]:
    """Row operations with nothing between them but views, allocations and arithmetic."""
    runs: list[list[RowOp]] = [[]]
    for child in block.operations:
        operation = child.operation
        name = operation.name
        row = describe(operation) if name.startswith("linalg.") else None
        if row is not None:
            runs[-1].append(row)
        elif runs[-1] and name not in _MOVABLE and not name.startswith(("arith.", "affine.")):
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _fuse(group: Group, private: dict[ir.Value, ir.MemRefType]) -> None:
    first, last = group.members[0][0].op, group.members[-1][0].op
    own = [row.op for row, _ in group.members]
    for between in _between(first, last):
        if between not in own:
            between.move_before(first)

    def row_by_row(indices: list[ir.Value]) -> None:
        rows = {buffer: memref.alloc(kind, [], [], alignment=_ALIGNMENT) for buffer, kind in private.items()}
        for row, shared in group.members:
            with row.op.location:
                restrict(row, dict(zip(shared, indices, strict=True)), rows)

    with ir.InsertionPoint(first), first.location:
        around = nested if in_parallel(first) else parallel
        around([constant(size) for size in group.rows], row_by_row)
    for op in own:
        op.erase()
    for buffer in private:
        erase_unused(buffer)


def _between(first: ir.Operation, last: ir.Operation) -> list[ir.Operation]:
    operations = [op.operation for op in first.block.operations]
    return operations[operations.index(first) : operations.index(last)]
