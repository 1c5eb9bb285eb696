"""Groups that reduce across rows: a block takes a strip of columns down all rows of a plane.

Neighbouring threads have neighbouring vectors of a row, those behind them the rows below; what they have joined is
joined in a fixed order, so that the result is always the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.rows import combine
from stepwell.backends.cuda.kernels.rows.body import apply, spread
from stepwell.backends.cuda.kernels.rows.elementwise import put
from stepwell.backends.cuda.kernels.rows.group import Group, Node
from stepwell.backends.cuda.kernels.rows.kernel import Stores, index, kernel, lanes_of, on_host
from stepwell.backends.cuda.kernels.rows.memory import Buffer, shared_buffer
from stepwell.backends.cuda.kernels.rows.rounds import neutral_of, rounds_of, start_of
from stepwell.backends.cuda.kernels.rows.schedule import WARP, RowSchedule
from stepwell.backends.cuda.kernels.rows.sizes import product
from stepwell.backends.cuda.kernels.rows.values import Planes, Position, Values
from stepwell.backends.cuda.kernels.word import Word

_WIDEST = 8
"""Bytes of an element that threads exchange."""


@dataclass(frozen=True)
class Columns:
    """What a group reduces: the middle one of three sizes, the last one in vectors."""

    planes: Planes
    lanes: int


def columns_of(group: Group) -> Columns:
    """The planes that the group's reductions agree on."""
    node = next(node for node in group.nodes if node.combiners)
    first = node.reduced.index(True)
    last = first + sum(node.reduced)
    if not all(node.reduced[first:last]):
        raise group.refuse("a reduction along loops that lie apart", node.op)
    parts = (node.sizes[:first], node.sizes[first:last], node.sizes[last:])
    planes = Planes(*(group.symbols.resolve(product(part)) for part in parts))
    lanes = lanes_of(group)
    while planes.columns.factor % lanes:
        lanes //= 2
    return Columns(planes, lanes)


def build_columns(group: Group, name: str, schedule: RowSchedule) -> Launch:
    """The kernel of a group that reduces loops with others behind them."""
    columns = columns_of(group)
    planes, strip = columns.planes, schedule.row * columns.lanes
    if schedule.row > WARP:
        raise group.refuse(f"a schedule of {schedule.row} threads a strip of columns; a warp is the most")

    def body(buffers: dict[ir.Value, Buffer], stores: Stores, sizes: dict[int, Word]) -> None:
        _Strip(group, columns, schedule, Values(group, buffers, sizes, planes=planes), stores).build()

    kernel(group, name, schedule.threads, body)

    def grid(memrefs: Sequence[ir.Value]) -> Sequence[ir.Value]:
        across = arith.ceildivui(on_host(group, planes.columns, memrefs), index(strip))
        return [arith.muli(across, on_host(group, planes.count, memrefs)), index(1), index(1)]

    reductions = sum(len(node.combiners) for node in group.nodes)
    return Launch(grid, schedule.threads, reductions * schedule.threads // WARP * strip * _WIDEST)


class _Strip:
    """The builder of one kernel: what a thread does for its vector of columns."""

    def __init__(self, group: Group, columns: Columns, schedule: RowSchedule, values: Values, stores: Stores) -> None:
        self.group, self.planes, self.lanes = group, columns.planes, columns.lanes
        self.schedule, self.values, self.stores = schedule, values, stores
        self.exchanged = 0

    def build(self) -> None:
        s = self.schedule
        self.thread = isa.thread()
        vectors = self.values.known(self.planes.columns) // self.lanes
        strips = (vectors + (s.row - 1)) // s.row
        vector = isa.block() % strips * s.row + self.thread % s.row
        self.mine = vector.is_less(vectors)
        self.column = vector.minimum(vectors - 1) * self.lanes
        self.plane = isa.block() // strips
        self.width, self.height = self.values.known(self.planes.columns), self.values.known(self.planes.rows)
        for nodes in rounds_of(self.group):
            self._reduce(nodes)
        self._finish()

    def _each(
        self,
        nodes: Sequence[Node],
        carried: list[ir.Value],
        use: Callable[[Position, ir.Value, list[ir.Value]], list[ir.Value]],
    ) -> list[ir.Value]:
        """``use`` on the vector in every row that the thread has, the loads for ``nodes`` first."""
        s = self.schedule
        deep = s.threads // s.row

        def iteration(first: Word, carried: Sequence[ir.Value]) -> list[ir.Value]:
            held = list(carried)
            with self.values.scope():
                rows = [first + (self.thread // s.row + number * deep) for number in range(s.unroll)]
                places = [
                    (self.plane * self.height + row.minimum(self.height - 1)) * self.width + self.column for row in rows
                ]
                positions = [Position(("row", number), place, self.lanes) for number, place in enumerate(places)]
                for position in positions:
                    for node in nodes:
                        self.values.prefetch(node, position)
                for position, row in zip(positions, rows, strict=True):
                    held = use(position, row.is_less(self.height), held)
            return held

        return loop(0, self.height, deep * s.unroll, carried, iteration)

    def _reduce(self, nodes: list[Node]) -> None:
        joins = [combiner for node in nodes for combiner in node.combiners]
        starts = [spread(neutral_of(join), self.lanes) for join in joins]

        def use(position: Position, valid: ir.Value, carried: list[ir.Value]) -> list[ir.Value]:
            terms = [term for node in nodes for term in self.values.terms_of(node, position)]
            masked = [
                arith.select(valid, spread(term, self.lanes), start) for term, start in zip(terms, starts, strict=True)
            ]
            return [apply(join, [held, term])[0] for join, held, term in zip(joins, carried, masked, strict=True)]

        totals = iter(self._each(nodes, starts, use))
        for node in nodes:
            for number, join in enumerate(node.combiners):
                start = spread(start_of(self.group, node, number), self.lanes)
                total = apply(join, [self._across(join, next(totals)), start])[0]
                self.values.reduced[node.op.results[number]] = total

    def _across(self, join: ir.Operation, total: ir.Value) -> ir.Value:
        """What the threads of a column have joined."""
        s = self.schedule

        def both(a: ir.Value, b: ir.Value) -> ir.Value:
            return apply(join, [a, b])[0]

        distance = WARP // 2
        while distance >= s.row:
            total = both(total, combine.exchange_lanes(total, distance))
            distance //= 2
        warps, lane, warp = s.threads // WARP, self.thread % WARP, self.thread // WARP
        held = shared_buffer(self.exchanged * warps * s.row * self.lanes * _WIDEST, join.results[0].type)
        self.exchanged += 1
        place = lane % s.row * self.lanes
        when(lane.is_less(s.row), lambda: held.store(total, warp * (s.row * self.lanes) + place))
        isa.sync_block()
        parts = [held.load(place + number * s.row * self.lanes, self.lanes) for number in range(warps)]
        for part in parts[1:]:
            parts[0] = both(parts[0], part)
        return parts[0]

    def _finish(self) -> None:
        whole = [(value, buffer) for value, buffer in self.stores if self._is_whole(value)]
        single = [(value, buffer) for value, buffer in self.stores if not self._is_whole(value)]
        if single:
            once = arith.andi(self.mine, self.thread.is_less(self.schedule.row))
            position = Position("column", self.plane * self.width + self.column, self.lanes)
            put(self.values, single, position, once)
        if whole:
            nodes = [self.group.producers[value] for value, _ in whole]

            def use(position: Position, valid: ir.Value, carried: list[ir.Value]) -> list[ir.Value]:
                put(self.values, whole, position, arith.andi(self.mine, valid))
                return []

            self._each(nodes, [], use)

    def _is_whole(self, value: ir.Value) -> bool:
        size = self.group.size(value)
        if size not in (self.planes.total, self.planes.count * self.planes.columns):
            raise self.group.refuse("results of different rows", self.group.producers[value].op)
        return size == self.planes.total and value not in self.values.reduced
