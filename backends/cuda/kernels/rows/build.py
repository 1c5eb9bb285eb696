"""The kernel of a group of structured operations, whichever kind it is of."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.rows.columns import build_columns, columns_of
from stepwell.backends.cuda.kernels.rows.elementwise import build_elementwise
from stepwell.backends.cuda.kernels.rows.group import Group
from stepwell.backends.cuda.kernels.rows.memory import element_bytes
from stepwell.backends.cuda.kernels.rows.reductions import build_reductions, rows_of
from stepwell.backends.cuda.kernels.rows.schedule import RowSchedule, column_schedule, row_schedule
from stepwell.backends.cuda.kernels.rows.sizes import ONE
from stepwell.backends.cuda.kernels.rows.transposes import build_transposes, crossing_of


def build_rows(function: ir.Operation, name: str, schedule: RowSchedule | None = None) -> Launch:
    """The ``gpu.func`` called ``name`` at the insertion point, in a ``gpu.module`` that declares shared memory.

    Its arguments are buffers of the function's arguments, then of its results: contiguous, from a multiple of 16 bytes
    on, each of fewer than 2^32 elements.

    Args:
        function: of ``linalg.generic`` on tensors, with what makes their starting values, and reshapes.
        schedule: how to lay it over threads; without one, by its sizes.

    Raises:
        PassError: the function holds something else.
    """
    group = Group(function)
    schedule = schedule or default_schedule(group)
    schedule.check()
    if _reduces_columns(group):
        return build_columns(group, name, schedule)
    if any(node.combiners for node in group.nodes):
        return build_reductions(group, name, schedule)
    crossing = crossing_of(group)
    if crossing is not None:
        return build_transposes(group, name, schedule, crossing)
    return build_elementwise(group, name, schedule)


def default_schedule(group: Group) -> RowSchedule:
    """By the sizes of what is computed."""
    if not any(node.combiners for node in group.nodes):
        return RowSchedule()
    if _reduces_columns(group):
        columns = columns_of(group)
        return column_schedule(columns.planes.count * columns.planes.columns, columns.lanes)
    rows = rows_of(group)
    width = max(element_bytes(ir.RankedTensorType(argument.type).element_type) for argument in group.arguments)
    return row_schedule(rows.length, rows.lanes, rows.length * width)


def _reduces_columns(group: Group) -> bool:
    """Whether a loop with more than one iteration lies behind one that is reduced."""
    for node in group.nodes:
        loops = [reduced for reduced, size in zip(node.reduced, node.sizes, strict=True) if size != ONE]
        if node.combiners and loops != sorted(loops):
            return True
    return False
