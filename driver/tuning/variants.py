"""What to try next: schedules that differ from one in a single respect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from stepwell.driver.tuning.gpu_variants import GPU_KINDS, gpu_neighbours
from stepwell.passes.schedules.base import Schedule
from stepwell.passes.schedules.contraction import ContractionSchedule
from stepwell.passes.schedules.convolution import ChannelwiseSchedule, ConvolutionSchedule
from stepwell.passes.schedules.parallel import ParallelSchedule
from stepwell.passes.schedules.rows import RowsSchedule

_S = TypeVar("_S", bound=Schedule)

#: The kinds that are tried; the others decide how weights lie in memory, which an artifact has settled.
TRIED = frozenset({"contraction", "convolution", "channelwise", "rows", "parallel"}) | GPU_KINDS


def neighbours(schedule: Schedule) -> list[Schedule]:
    """Schedules near ``schedule``, the most promising first; whether one is possible its pass says."""
    found: Iterator[Schedule]
    if isinstance(schedule, ContractionSchedule):
        found = _contraction(schedule)
    elif isinstance(schedule, ConvolutionSchedule):
        found = _convolution(schedule)
    elif isinstance(schedule, ChannelwiseSchedule):
        found = _each(schedule, {"pixels": _near(schedule.pixels), "vector": _halves(schedule.vector)})
    elif isinstance(schedule, RowsSchedule):
        found = _each(schedule, {name: _halves(getattr(schedule, name)) for name in ("unroll", "vector", "block")})
    elif isinstance(schedule, ParallelSchedule):
        found = _each(schedule, {name: _halves(getattr(schedule, name)) for name in ("blocks", "grain")})
    elif schedule.kind in GPU_KINDS:
        found = gpu_neighbours(schedule)
    else:
        found = iter(())
    return list(dict.fromkeys(each for each in found if each != schedule and _is_whole(each)))


def _is_whole(schedule: Schedule) -> bool:
    return all(value > 0 or (value == 0 and name in schedule.zeros) for name, value in schedule.values().items())


def _contraction(own: ContractionSchedule) -> Iterator[ContractionSchedule]:
    for pieces in (own.pieces, own.pieces + 1, own.pieces - 1, own.pieces * 2, own.pieces // 2):
        # As many accumulators as before, and then fewer and more rows.
        rows = own.rows * own.pieces // pieces if pieces else 0
        for count in (rows, rows + 1, rows - 1, rows + 2, rows - 2):
            if pieces > 0 and count > 0:
                yield _fitted(own, rows=count, pieces=pieces)
    for block in _halves(own.block):
        yield _fitted(own, block=block)
    for row_block in _halves(own.row_block):
        yield _fitted(own, row_block=row_block)
    for lane_block in _halves(own.lane_block):
        yield _fitted(own, lane_block=lane_block)
    for depth in _halves(own.depth):
        yield _fitted(own, depth=depth)
    for ahead in (0, 2 * own.ahead, own.ahead // 2):
        yield own.changed({"ahead": ahead})
    yield _fitted(own, copies=1 - own.copies)
    for cached_rows in _halves(own.cached_rows) if own.copies else []:
        yield _fitted(own, cached_rows=cached_rows)
    yield _fitted(own, vector=max(1, own.vector // 2), pieces=own.pieces * 2)
    yield _fitted(own, vector=max(1, own.vector // 2))


def _fitted(own: ContractionSchedule, **values: int) -> ContractionSchedule:
    """``own`` with ``values``, its blocks of whole tiles."""
    new = own.changed(values)
    # What is copied serves all rows: their block must not become less.
    high = -(-new.row_block // new.rows) if new.copies else max(1, new.row_block // new.rows)
    cached, wide = max(1, new.cached_rows // new.rows), max(1, new.lane_block // new.lanes)
    blocks = {"row-block": high * new.rows, "cached-rows": cached * new.rows, "lane-block": wide * new.lanes}
    return new.changed(blocks)


def _convolution(own: ConvolutionSchedule) -> Iterator[ConvolutionSchedule]:
    yield from _each(own, {"wide": _near(own.wide), "high": _near(own.high)})
    pixels = own.wide * own.high
    for high in (1, 2, 3, 4):  # as many pixels in another shape
        yield own.changed({"wide": pixels // high, "high": high})
    yield from _each(own, {"steps": _halves(own.steps)})


def _each(own: _S, values: dict[str, list[int]]) -> Iterator[_S]:
    for name, choices in values.items():
        for choice in choices:
            yield own.changed({name: choice})


def _near(value: int) -> list[int]:
    return [value + 1, value - 1, value + 2, value - 2]


def _halves(value: int) -> list[int]:
    return [value * 2, value // 2]
