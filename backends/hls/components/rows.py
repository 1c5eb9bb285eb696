"""Components that find something out about a whole row before its first element leaves; rows overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Port
from stepwell.backends.hls.components.channels import Channel, Pipeline, fifo, place
from stepwell.backends.hls.components.pipelined import Pipelined, held_levels
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.backends.hls.components.schedule import Kept, Schedule, Stage
from stepwell.support.widths import Range

Hold = Callable[[int, int, Wire], Wire]
"""From the levels before a wire, its place and itself to what holds it."""


class RowComponent(Pipelined):
    """What multiplies the elements of a row by something that is found out about it.

    Attributes:
        shift, rounding, clamp: what happens to the products.
    """

    shift: int
    rounding: str
    clamp: Range

    @property
    def rescale(self) -> Rescale:
        """What happens to the products."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def row_beats(self) -> int:
        """Beats of a row."""
        return self.input.shape[-1] // self.input.beat


@dataclass(frozen=True)
class Fold:
    """What is found out about a row.

    Attributes:
        widths: bits of what is known.
        partial: from a beat to what it contributes; signed. It hands every wire behind a level of what it computes to
            a function that is made for the name of a tree.
        merge: from what is known and what a beat contributes to what is known then; both of these ``widths``.
        levels, registers: how many levels ``partial`` has, and how many registers lie between these.
    """

    widths: Sequence[int]
    partial: Callable[[Wire, Callable[[str], Hold]], list[Wire]]
    merge: Callable[[Sequence[Wire], Sequence[Wire]], list[Wire]]
    levels: int
    registers: int


def fold_rows(c: Circuit, name: str, channel: Channel, beats: int, fold: Fold, delay: int) -> tuple[Channel, Channel]:
    """The beats of ``channel`` again, and one value for each row of ``beats`` of them, some cycles after its last beat.

    The beats wait in a memory that has room for a row and for what arrives until the value is there.

    Args:
        delay: cycles until the value can be used, beside those that are spent here.
    """
    move, accept = c.wire(f"{name}_move", 1), c.wire(f"{name}_accept", 1)
    stored = Channel(channel.data, c.both(channel.valid, move), c.wire(f"{name}_stored", 1))
    waiting = fifo(c, f"{name}_beats", stored, waiting_depth(beats, delay + fold.registers))
    c.connect(accept, c.both(channel.valid, stored.ready, move))
    c.connect(channel.ready, c.both(stored.ready, move))
    _, first, last = place(c, f"{name}_place", beats, accept)

    def keep(what: str, wire: Wire, *, reset: bool = False) -> Wire:
        return c.drive(c.register(f"{name}_{what}", wire.width), wire, move, reset=reset)

    def hold(tree: str) -> Hold:
        held = held_levels(fold.levels, fold.registers)
        return lambda level, i, wire: keep(f"{tree}_{level}_{i}", wire) if level in held else wire

    valid = accept
    for stage in range(fold.registers + 1):
        valid = keep(f"partial_valid_{stage}", valid, reset=True)
        if beats > 1:
            first, last = keep(f"first_{stage}", first), keep(f"last_{stage}", last)
    parts = [keep(f"partial_{i}", wire) for i, wire in enumerate(fold.partial(channel.data[0], hold))]
    done, ready = c.register(f"{name}_done", 1), c.wire(f"{name}_ready", 1)
    # A row can't end where the value of the one before it still stands. That one is taken in this very cycle makes a
    # difference only to rows of one beat: for others ready ends here.
    stands = done if beats > 1 else c.both(done, c.negate(ready))
    c.connect(move, c.negate(c.both(valid, last, stands)))
    update = c.both(valid, move)
    values = [c.resize(wire, width) for wire, width in zip(parts, fold.widths, strict=True)]
    if beats > 1:
        totals = [c.register(f"{name}_total_{i}", width) for i, width in enumerate(fold.widths)]
        merged = fold.merge(totals, values)
        values = [c.choose(first, part, more) for part, more in zip(values, merged, strict=True)]
        for total, value in zip(totals, values, strict=True):
            c.drive(total, value, update, reset=False)
    ends = c.both(update, last)
    found = [
        c.drive(c.register(f"{name}_value_{i}", wire.width), wire, ends, reset=False) for i, wire in enumerate(values)
    ]
    c.drive(done, ends, c.either(ends, ready))
    return waiting, Channel(tuple(found), done, ready)


def waiting_depth(beats: int, delay: int) -> int:
    """Beats that :func:`fold_rows` has room for, at least."""
    return beats + delay + 4


def apply_rows(
    c: Circuit, name: str, waiting: Channel, value: Channel, beats: int, depth: int, ready: Wire
) -> Pipeline:
    """The pipeline that every beat of a row enters together with the row's value."""
    pipeline = Pipeline(c, name, depth, c.both(waiting.valid, value.valid), ready)
    step = c.both(waiting.valid, value.valid, pipeline.advance)
    _, _, last = place(c, f"{name}_place", beats, step)
    c.connect(waiting.ready, c.both(value.valid, pipeline.advance))
    c.connect(value.ready, c.both(step, last))
    return pipeline


def row_stages(port: Port, beats: int, latencies: Sequence[int], steps: int, depth: int) -> tuple[Stage, ...]:
    """Stages of a component that goes over every row several times: each begins a row when the one before has ended it.

    Args:
        beats: of a row.
        latencies: cycles between the end of a row in a stage and its begin in the next; for the last, its registers.
        steps: cycles between the begins of two rows, at least.
        depth: beats that the memory in front of the second stage has room for.
    """
    rows, pace = port.beats // beats, max(beats, steps)
    begins = np.arange(rows) * pace
    each = (begins[:, np.newaxis] + np.arange(beats)).ravel()
    ends = begins + beats - 1
    stages = []
    for number, latency in enumerate(latencies):
        is_first, is_last = number == 0, number == len(latencies) - 1
        needs, takes = (each, each) if is_first else (begins, ends)
        schedule = Schedule(rows * pace, (needs,), (takes,), (each if is_last else ends,), latency)
        reads: int | str = 0 if is_first else f"row{number}"
        writes: int | str = 0 if is_last else f"row{number + 1}"
        stages.append(Stage((reads,), (writes,), schedule, {0: Kept(depth, 1, each)} if is_first else {}))
    return tuple(stages)
