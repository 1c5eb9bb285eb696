"""vectorize-rows: vector code for elementwise operations and reductions on buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.rows.body import vectorizable
from stepwell.passes.buffer.rows.collapse import collapse
from stepwell.passes.buffer.rows.compared import ComparedEmitter, is_compared
from stepwell.passes.buffer.rows.copies import is_strided_copy, spell_out
from stepwell.passes.buffer.rows.emit import RowEmitter
from stepwell.passes.buffer.rows.extrema import ExtremumEmitter, match_extremum
from stepwell.passes.buffer.rows.operation import COMBINERS, RowOp, bits_of, inner_dimension, match_row_op
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.rows import rows_key, rows_schedule
from stepwell.support.walk import named

_FLOAT_SUMS = ("arith.addf", "arith.mulf")


@dataclass
class VectorizeRows(Pass):
    """Replace ``linalg.generic`` on buffers by loops over vectors along a dimension that is contiguous in memory.

    What does not depend on that dimension is computed outside of its loop; a reduction along it keeps ``unroll``
    vectors of partial results, one across it keeps its results in registers. Other independent dimensions become
    ``scf.parallel``. Operations without such a dimension, with bits (i1) in memory or with a body that is not
    elementwise are left alone.

    Options:
        vector_bits: width of a vector register.
        unroll: vectors in one iteration.
        compare: take float maxima and minima by comparisons, for processors that have none that keep NaN.
        reassociate: also take float sums and products along the contiguous dimension, which adds in another order.
    """

    name: ClassVar[str] = "vectorize-rows"
    summary: ClassVar[str] = "vector code for elementwise operations and reductions on buffers"

    vector_bits: int = 256
    unroll: int = 4
    compare: bool = False
    reassociate: bool = True

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for copy in [candidate for candidate in named(op, "memref.copy") if is_strided_copy(candidate)]:
            spell_out(copy)
        found = named(op, "linalg.generic")
        count = sum(self._vectorize(generic, context.schedules) for generic in found)
        context.note(self.name, operations=len(found), vectorized=count)

    def _vectorize(self, generic: ir.Operation, schedules: Schedules) -> bool:
        row = match_row_op(generic)
        if row is None or not row.sizes or 0 in row.sizes:
            return False
        inner = inner_dimension(row)
        if inner is None or not vectorizable(row, inner):
            return False
        row = collapse(row)
        inner = inner_dimension(row)
        if inner is None:
            return False
        lanes = self._lanes(row, inner)
        size = row.sizes[inner]
        if lanes < 2 or (size is not None and size < lanes):
            return False
        combiner = None
        extremum = match_extremum(row) if inner in row.reduced else None
        if extremum is None and row.reduced:
            combiner = _combiner(row)
            along = inner in row.reduced
            if combiner is None or (along and combiner.name in _FLOAT_SUMS and not self.reassociate):
                return False
        schedule = schedules.choose(
            rows_key(row, inner),
            rows_schedule(row, inner, lanes, self.unroll),
            lambda schedule: schedule.fault(size, lanes),
        )
        with ir.InsertionPoint(generic), generic.location:
            compared = self.compare and combiner is not None and is_compared(combiner)
            emitter = (ComparedEmitter if compared else RowEmitter)(row, inner, schedule)
            if extremum is not None:
                ExtremumEmitter(row, inner, schedule, extremum).search()
            elif combiner is None:
                emitter.elementwise()
            elif inner in row.reduced:
                emitter.reduce_along(combiner)
            else:
                emitter.reduce_across(combiner)
        generic.erase()
        return True

    def _lanes(self, row: RowOp, inner: int) -> int:
        """Elements of a vector: as many as a register holds of the results; wider operands take several."""
        using = [access for access in row.accesses if inner in access.dims]
        results = [bits_of(access.type.element_type) for access in using if access in row.outputs]
        widest = max(bits_of(access.type.element_type) for access in using)
        return self.vector_bits // max([*results, min(32, widest)])


def _combiner(row: RowOp) -> ir.Operation | None:
    """The operation that joins the only result so far with a term that does not depend on it."""
    if len(row.outputs) != 1:
        return None
    block = row.op.regions[0].blocks[0]
    accumulator = block.arguments[len(row.inputs)]
    *_, terminator = [op.operation for op in block.operations]
    (value,) = terminator.operands
    uses = list(accumulator.uses)
    if not isinstance(value, ir.OpResult) or len(uses) != 1 or len(list(value.uses)) != 1:
        return None
    combiner = value.owner.operation
    if combiner.name not in COMBINERS or uses[0].owner.operation != combiner:
        return None
    return combiner
