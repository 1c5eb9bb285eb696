"""Elementwise groups with an operand that lies across the results: tiles go through shared memory.

A tile is square: ``down`` it the operand's memory runs on, ``along`` it that of the results. Its rows, of eight
vectors, are swizzled, so that neither side has bank conflicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.rows.access import Access, at
from stepwell.backends.cuda.kernels.rows.elementwise import put
from stepwell.backends.cuda.kernels.rows.group import Group, Node, Operand
from stepwell.backends.cuda.kernels.rows.kernel import Stores, index, kernel, lanes_of, on_host
from stepwell.backends.cuda.kernels.rows.layout import Layout
from stepwell.backends.cuda.kernels.rows.memory import Buffer, shared_buffer
from stepwell.backends.cuda.kernels.rows.schedule import RowSchedule
from stepwell.backends.cuda.kernels.rows.sizes import ONE, Size
from stepwell.backends.cuda.kernels.rows.values import Position, Values
from stepwell.backends.cuda.kernels.word import Word

_CHUNKS = 8
"""Vectors in a row of a tile."""


@dataclass(frozen=True)
class Crossing:
    """How operands lie across the results.

    Attributes:
        step: how many elements the results go on where the operands go on by one.
        down: how often they do so in a row.
        along: how many elements of the results lie next to each other.
        crossed: the operands, with the operations that read them.
    """

    step: Size
    down: Size
    along: Size
    crossed: tuple[tuple[Node, Operand], ...]


def crossing_of(group: Group) -> Crossing | None:
    """What crosses in an elementwise group; None for nothing, or nothing that one kind of tile would straighten."""
    values = Values(group, {}, {}, Layout())
    lanes = lanes_of(group)
    total = group.size(group.results[0])
    found: dict[tuple[Size, Size, Size], list[tuple[Node, Operand]]] = {}
    for node in group.nodes:
        for operand in node.operands:
            if operand.source not in group.arguments:
                continue
            terms = values.access(node, operand, Position(0, Word(operand.source), lanes)).inner
            crossed = [term for term in terms if term.stride == ONE and term.divisor != ONE]
            if crossed and terms[-1].divisor == ONE and terms[-1].modulus is not None:
                key = (crossed[0].divisor, crossed[0].modulus or total // crossed[0].divisor, terms[-1].modulus)
                found.setdefault(key, []).append((node, operand))
    if len(found) != 1:
        return None
    ((step, down, along), crossed_) = next(iter(found.items()))
    small = any(size.static is not None and size.factor < lanes for size in (down, along))
    return None if small else Crossing(step, down, along, tuple(crossed_))


def build_transposes(group: Group, name: str, schedule: RowSchedule) -> Launch:
    """The kernel of an elementwise group in which something crosses."""
    crossing = crossing_of(group)
    assert crossing is not None
    total = group.size(group.results[0])
    if any(group.size(value) != total for value in group.results):
        raise group.refuse("results of different sizes")
    tile = lanes_of(group) * _CHUNKS
    threads = min(schedule.threads, tile * _CHUNKS)  # each has at least one vector of the tile
    widths = [Buffer.bytes_of(operand.source) for _, operand in crossing.crossed]

    def body(buffers: dict[ir.Value, Buffer], stores: Stores, sizes: dict[int, Word]) -> None:
        _Tile(group, crossing, threads, Values(group, buffers, sizes, Layout()), stores).build()

    kernel(group, name, threads, body)

    def grid(memrefs: Sequence[ir.Value]) -> Sequence[ir.Value]:
        others = on_host(group, total // crossing.down // crossing.along, memrefs)
        across = arith.ceildivui(on_host(group, crossing.along, memrefs), index(tile))
        below = arith.ceildivui(on_host(group, crossing.down, memrefs), index(tile))
        return [arith.muli(arith.muli(across, below), others), index(1), index(1)]

    return Launch(grid, threads, tile * tile * sum(widths))


class _Tile:
    """The builder of one kernel: what a block does for its tile."""

    def __init__(self, group: Group, crossing: Crossing, threads: int, values: Values, stores: Stores) -> None:
        self.group, self.crossing, self.values, self.stores = group, crossing, values, stores
        self.threads = threads
        self.lanes = lanes_of(group)
        self.tile = self.lanes * _CHUNKS

    def build(self) -> None:
        c = self.crossing
        self.along, self.step, self.down = (self.values.known(size) for size in (c.along, c.step, c.down))
        across = (self.along + (self.tile - 1)) // self.tile
        below = (self.down + (self.tile - 1)) // self.tile
        block = isa.block()
        self.first_along = block % across * self.tile
        self.first_down = block // across % below * self.tile
        other = block // (across * below)
        between = self.step // self.along
        self.start = other // between * (self.down * self.step) + other % between * self.along
        self._load()
        isa.sync_block()
        self._store()

    def _load(self) -> None:
        """Every crossed operand's tile to shared memory, vectors down the tile."""
        lanes = self._common(self.crossing.down, [access for _, _, access in self._crossed()])
        loaded = []
        for inner, outer in self._vectors(lanes):
            down = (self.first_down + inner).minimum(self.down - lanes)
            along = (self.first_along + outer).minimum(self.along - 1)
            place = self.start + down * self.step + along
            for number, (_, operand, access) in enumerate(self._crossed()):
                value = self.values.buffers[operand.source].load(at(access, None, place, self.values.known), lanes)
                loaded.append((number, value, self._swizzled(outer, inner)))
        for number, value, place in loaded:
            self._shared(number).store(value, place)

    def _store(self) -> None:
        lanes = self._common(self.crossing.along, [])
        for number, (inner, outer) in enumerate(self._vectors(lanes)):
            down, along = self.first_down + outer, self.first_along + inner
            inside = arith.andi(down.is_less(self.down), along.is_less(self.along))
            down, along = down.minimum(self.down - 1), along.minimum(self.along - lanes)
            position = Position(number, self.start + down * self.step + along, lanes)
            for buffer, (_, operand, access) in enumerate(self._crossed()):
                places = [self._swizzled(inner + lane, outer) for lane in range(lanes)]
                self.values.provide(operand.source, access, position, self._shared(buffer).gather(places))
            put(self.values, self.stores, position, inside)

    def _crossed(self) -> list[tuple[Node, Operand, Access]]:
        position = Position(0, self.first_along, self.lanes)
        return [(node, operand, self.values.access(node, operand, position)) for node, operand in self.crossing.crossed]

    def _common(self, size: Size, accesses: list[Access]) -> int:
        """The longest vectors that lie at multiples of their length where a run of ``size`` begins."""
        lanes = self.lanes
        strides = [term.stride for access in accesses for term in access.inner if term.stride != ONE]
        for found in (size, *strides):
            while found.factor % lanes:
                lanes //= 2
        return lanes

    def _vectors(self, lanes: int) -> list[tuple[Word, Word]]:
        """The vectors of a tile that the thread has: the place in the tile's row, and the row."""
        row = self.tile // lanes
        numbers = [isa.thread() + step for step in range(0, row * self.tile, self.threads)]
        return [(number % row * lanes, number // row) for number in numbers]

    def _swizzled(self, along: Word, down: Word) -> Word:
        chunk = down // self.lanes ^ along // self.lanes % _CHUNKS
        return along * self.tile + chunk * self.lanes + down % self.lanes

    def _shared(self, number: int) -> Buffer:
        element = ir.RankedTensorType(self.crossing.crossed[number][1].source.type).element_type
        before = sum(Buffer.bytes_of(operand.source) for _, operand in self.crossing.crossed[:number])
        return shared_buffer(before * self.tile * self.tile, element)
