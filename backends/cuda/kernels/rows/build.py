"""The kernel of a group of structured operations, whichever kind it is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch_mlir import ir

from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.rows.columns import build_columns, columns_of
from stepwell.backends.cuda.kernels.rows.elementwise import build_elementwise
from stepwell.backends.cuda.kernels.rows.group import Group, Node
from stepwell.backends.cuda.kernels.rows.memory import Buffer
from stepwell.backends.cuda.kernels.rows.reductions import Cut, build_reductions, cut_of
from stepwell.backends.cuda.kernels.rows.schedule import (
    WARP,
    RowSchedule,
    check_row,
    column_schedule,
    element_schedule,
    row_schedule,
)
from stepwell.backends.cuda.kernels.rows.serial import build_serial
from stepwell.backends.cuda.kernels.rows.sizes import ONE
from stepwell.backends.cuda.kernels.rows.transposes import build_transposes, crossing_of
from stepwell.backends.cuda.kernels.schedule_faults import fault_of
from stepwell.passes.schedules.base import Key, elements, spell
from stepwell.passes.schedules.book import Schedules


def build_rows(
    function: ir.Operation, name: str, schedule: RowSchedule | None = None, schedules: Schedules | None = None
) -> Launch:
    """The ``gpu.func`` called ``name`` at the insertion point, in a ``gpu.module`` that declares shared memory.

    Its arguments are buffers of the function's arguments, then of its results: contiguous, from a multiple of 16 bytes
    on, each of fewer than 2^32 elements.

    Args:
        function: of ``linalg.generic`` on tensors, with what makes their starting values, and reshapes.
        schedule: how to lay it over threads; without one, what ``schedules`` have, or by its sizes.

    Raises:
        PassError: the function holds something else.
    """
    group = Group(function)
    kind = _kind(group)
    if schedule is None:
        own = _SCHEDULES[kind](group)
        fault = fault_of(partial(_check, kind, group))
        schedule = own if schedules is None else schedules.choose(_key(group), own, fault)
    schedule.check()
    return replace(kind(group, name, schedule), schedule=schedule)


def _key(group: Group) -> Key:
    """By the loops of the operation that has most of them, which of them are reduced, and how many operations are."""
    node = max(group.nodes, key=lambda node: (any(node.reduced), len(node.sizes)))
    sizes = [group.symbols.resolve(size).static for size in node.sizes]
    reduced = "".join("01"[reduced] for reduced in node.reduced)
    text = " ".join([spell(loops=sizes), *([f"reduced={reduced}"] if any(node.reduced) else [])])
    return Key(RowSchedule.kind, f"{text} operations={len(group.nodes)}", elements([*group.arguments, *group.results]))


def _check(kind: Callable[[Group, str, RowSchedule], Launch], group: Group, schedule: RowSchedule) -> None:
    schedule.check()
    if kind is build_columns and schedule.row > WARP:
        raise ValueError(f"the threads of a strip of columns are those of a warp at most, not {schedule.row}")
    if kind is build_reductions:
        cut = cut_of(group)
        check_row(schedule, cut.length, cut.lanes, _row_bytes(group, cut))


def _kind(group: Group) -> Callable[[Group, str, RowSchedule], Launch]:
    """What builds the kernel."""
    reductions = [node for node in group.nodes if node.reduces]
    if not reductions:
        return build_elementwise if crossing_of(group) is None else build_transposes
    if not all(node.joins and node.plain for node in reductions):
        return build_serial
    places = [_reduced(node) for node in reductions]
    if all(reduced == sorted(reduced) for reduced in places):
        return build_reductions
    return build_serial if any(_apart(reduced) for reduced in places) else build_columns


def _reduced(node: Node) -> list[bool]:
    """Which of the loops with more than one iteration are reduced."""
    return [reduced for reduced, size in zip(node.reduced, node.sizes, strict=True) if size != ONE]


def _apart(reduced: list[bool]) -> bool:
    """Whether others lie between loops that are reduced."""
    first, count = reduced.index(True), sum(reduced)
    return not all(reduced[first : first + count])


def _row_schedule(group: Group) -> RowSchedule:
    cut = cut_of(group)
    return row_schedule(cut.length, cut.lanes, _row_bytes(group, cut))


def _row_bytes(group: Group, cut: Cut) -> int:
    """Of all arguments that have an element for each of the rows'."""
    whole = cut.rows.count * cut.rows.length
    width = sum(Buffer.bytes_of(argument) for argument in group.arguments if group.size(argument) == whole)
    return cut.length * width


def _column_schedule(group: Group) -> RowSchedule:
    columns = columns_of(group)
    return column_schedule(columns.planes.count * columns.planes.columns, columns.lanes)


_SCHEDULES: dict[Callable[[Group, str, RowSchedule], Launch], Callable[[Group], RowSchedule]] = {
    build_elementwise: lambda group: element_schedule(),
    build_transposes: lambda group: element_schedule(),
    build_serial: lambda group: element_schedule(),
    build_reductions: _row_schedule,
    build_columns: _column_schedule,
}
