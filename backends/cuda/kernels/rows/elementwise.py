"""Elementwise groups: every thread computes a few vectors of the results, the loads of all of them first."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import when
from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.rows.body import spread
from stepwell.backends.cuda.kernels.rows.group import Group
from stepwell.backends.cuda.kernels.rows.kernel import Stores, index, kernel, lanes_of, on_host
from stepwell.backends.cuda.kernels.rows.memory import Buffer
from stepwell.backends.cuda.kernels.rows.schedule import RowSchedule
from stepwell.backends.cuda.kernels.rows.values import Position, Values
from stepwell.backends.cuda.kernels.word import Word


def build_elementwise(group: Group, name: str, schedule: RowSchedule) -> Launch:
    """The kernel of a group without reductions, whose results all have the same number of elements."""
    total = group.size(group.results[0])
    if any(group.size(value) != total for value in group.results):
        raise group.refuse("results of different sizes")
    lanes = lanes_of(group)
    tile = schedule.threads * schedule.unroll * lanes

    def body(buffers: dict[ir.Value, Buffer], stores: Stores, sizes: dict[int, Word]) -> None:
        values = Values(group, buffers, sizes)
        count = values.known(total)
        whole = total.factor % tile == 0
        vectors = count // lanes
        first = isa.block() * (schedule.threads * schedule.unroll) + isa.thread()

        def tile_of_vectors() -> None:
            slots = [first + number * schedule.threads for number in range(schedule.unroll)]
            inside = [None if whole else slot.is_less(vectors) for slot in slots]
            if not whole:
                slots = [slot.minimum(vectors - 1) for slot in slots]
            positions = [Position(number, slot * lanes, lanes) for number, slot in enumerate(slots)]
            for position in positions:
                for value in group.results:
                    values.prefetch(group.producers[value], position)
            for position, valid in zip(positions, inside, strict=True):
                put(values, stores, position, valid)

        if whole:
            tile_of_vectors()
            return
        when((isa.block() * (schedule.threads * schedule.unroll)).is_less(vectors), tile_of_vectors)
        if total.factor % lanes:
            last = vectors * lanes + isa.thread()
            mine = arith.andi(last.is_less(count), isa.block().is_equal(0))
            when(mine, lambda: put(Values(group, buffers, sizes), stores, Position(-1, last, 1), None))

    kernel(group, name, schedule.threads, body)

    def grid(memrefs: Sequence[ir.Value]) -> Sequence[ir.Value]:
        blocks = arith.ceildivui(on_host(group, total, memrefs), index(tile))
        return [blocks, index(1), index(1)]

    return Launch(grid, schedule.threads, 0)


def put(values: Values, stores: Stores, position: Position, valid: ir.Value | None) -> None:
    """Store all results there, where that is ``valid``."""
    found = [spread(values.result(value, position), position.lanes) for value, _ in stores]

    def store() -> None:
        for value, (_, buffer) in zip(found, stores, strict=True):
            buffer.store(value, position.place)

    if valid is None:
        store()
    else:
        when(valid, store)
