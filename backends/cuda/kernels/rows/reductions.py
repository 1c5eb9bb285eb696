"""Groups that reduce along rows: the threads of a row hold it, or read it once for each round of reductions."""

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
from stepwell.backends.cuda.kernels.rows.group import Group, Node
from stepwell.backends.cuda.kernels.rows.kept import Kept
from stepwell.backends.cuda.kernels.rows.kernel import Stores, index, kernel, lanes_of, on_host
from stepwell.backends.cuda.kernels.rows.memory import Buffer
from stepwell.backends.cuda.kernels.rows.rounds import neutral_of, rounds_of, start_of
from stepwell.backends.cuda.kernels.rows.schedule import WARP, RowSchedule
from stepwell.backends.cuda.kernels.rows.sizes import Size, product
from stepwell.backends.cuda.kernels.rows.values import Position, Values
from stepwell.backends.cuda.kernels.word import Word, word


@dataclass(frozen=True)
class Rows:
    """The rows of a group: how many, of how many elements, in vectors of how many."""

    count: Size
    length: int
    lanes: int


def rows_of(group: Group) -> Rows:
    """The rows that the group's reductions agree on."""
    reduction = next(node for node in group.nodes if node.combiners)
    inner = [size for size, reduced in zip(reduction.sizes, reduction.reduced, strict=True) if reduced]
    outer = [size for size, reduced in zip(reduction.sizes, reduction.reduced, strict=True) if not reduced]
    count, length = (group.symbols.resolve(product(sizes)) for sizes in (outer, inner))
    if length.static is None:
        raise group.refuse("rows whose length is known at run time only", reduction.op)
    lanes = lanes_of(group)
    while length.factor % lanes:
        lanes //= 2
    return Rows(count, length.factor, lanes)


def build_reductions(group: Group, name: str, schedule: RowSchedule) -> Launch:
    """The kernel of a group that reduces the last loops of its operations."""
    rows = rows_of(group)
    warps = schedule.row // WARP
    exchanged = sum(len(node.combiners) for node in group.nodes) * (schedule.threads // WARP) * combine.SLOT

    exchanged = exchanged if warps > 1 else 0
    slots = -(-rows.length // (schedule.row * rows.lanes * schedule.unroll)) * schedule.unroll
    kept = Kept(exchanged, slots * schedule.threads * rows.lanes)

    def body(buffers: dict[ir.Value, Buffer], stores: Stores, sizes: dict[int, Word]) -> None:
        values = Values(group, buffers, sizes, (group.symbols.resolve(rows.count), Size(rows.length)))
        values.kept = kept if schedule.held == "shared" else None
        _Row(group, rows, schedule, values, stores).build()

    kernel(group, name, schedule.threads, body)
    together_ = schedule.threads // schedule.row

    def grid(memrefs: Sequence[ir.Value]) -> Sequence[ir.Value]:
        blocks = arith.ceildivui(on_host(group, rows.count, memrefs), index(together_))
        return [blocks, index(1), index(1)]

    return Launch(grid, schedule.threads, kept.end)


class _Row:
    """The builder of one kernel: what a thread does for its part of a row."""

    def __init__(self, group: Group, rows: Rows, schedule: RowSchedule, values: Values, stores: Stores) -> None:
        self.group, self.rows, self.schedule, self.values, self.stores = group, rows, schedule, values, stores
        self.slots = -(-rows.length // (schedule.row * rows.lanes))
        self.step = self.slots if schedule.held == "registers" else min(schedule.unroll, self.slots)
        self.exchanged = 0

    def build(self) -> None:
        s = self.schedule
        self.thread = isa.thread()
        self.lane = self.thread % s.row
        row = isa.block() * (s.threads // s.row) + self.thread // s.row
        count = self.values.known(self.rows.count)
        self.mine: ir.Value | None = None
        if self.rows.count.factor % (s.threads // s.row):
            self.mine = row.is_less(count)
            row = row.minimum(count - 1)
        self.row = row
        for nodes in rounds_of(self.group):
            self._reduce(nodes)
            if self.values.kept is not None:
                self.values.kept.recording = False
        self._finish()

    # -- places -------------------------------------------------------------------------------------------------------

    def _place(self, slot: Word | int) -> tuple[Position, ir.Value | None]:
        """A vector of the row, and whether it is within; one that is not is the last one instead."""
        s, lanes = self.schedule, self.rows.lanes
        vectors = self.rows.length // lanes
        first = word(slot) * s.row + self.lane
        valid = None
        certain = isinstance(slot, int) and (slot + 1) * s.row <= vectors
        if not certain and vectors % (s.row * self.step):
            valid = first.is_less(vectors)
            first = first.minimum(vectors - 1)
        key = slot if isinstance(slot, int) else slot.value
        own = (word(slot) * s.threads + self.thread) * lanes
        return Position(key, first * lanes, lanes, self.row, own), valid

    def _each(
        self,
        nodes: Sequence[Node],
        carried: list[ir.Value],
        use: Callable[[Position, ir.Value | None, list[ir.Value]], list[ir.Value]],
    ) -> list[ir.Value]:
        """``use`` on every vector of the row that the thread has, the loads for ``nodes`` first."""

        def some(slots: Sequence[Word | int], carried: list[ir.Value]) -> list[ir.Value]:
            places = [self._place(slot) for slot in slots]
            for position, _ in places:
                for node in nodes:
                    self.values.prefetch(node, position)
            for position, valid in places:
                carried = use(position, valid, carried)
            return carried

        if self.step == self.slots:
            return some(range(self.slots), carried)

        def iteration(slot: Word, carried: Sequence[ir.Value]) -> list[ir.Value]:
            with self.values.scope():
                return some([slot + number for number in range(self.step)], list(carried))

        return loop(0, self.slots, self.step, carried, iteration)

    # -- reductions ---------------------------------------------------------------------------------------------------

    def _reduce(self, nodes: list[Node]) -> None:
        joins = [combiner for node in nodes for combiner in node.combiners]
        lanes = self.rows.lanes
        starts = [neutral_of(join) for join in joins]

        def use(position: Position, valid: ir.Value | None, carried: list[ir.Value]) -> list[ir.Value]:
            terms = [term for node in nodes for term in self.values.terms_of(node, position)]
            joined = []
            for join, start, term, held in zip(joins, starts, terms, carried, strict=True):
                term = spread(term, lanes)
                if valid is not None:
                    term = arith.select(valid, term, spread(start, lanes))
                joined.append(apply(join, [held, term])[0])
            return joined

        totals = self._each(nodes, [spread(start, lanes) for start in starts], use)
        results = [(node, number) for node in nodes for number in range(len(node.combiners))]
        for (node, number), join, total in zip(results, joins, totals, strict=True):
            self.values.reduced[node.op.results[number]] = self._across(node, number, join, total)

    def _across(self, node: Node, number: int, join: ir.Operation, total: ir.Value) -> ir.Value:
        """What the threads of a row have joined, with what the reduction starts from."""
        s = self.schedule

        def both(a: ir.Value, b: ir.Value) -> ir.Value:
            return apply(join, [a, b])[0]

        total = combine.of_threads(combine.of_lanes(total, both), min(s.row, WARP), both)
        if s.row > WARP:
            offset = self.exchanged * (s.threads // WARP) * combine.SLOT
            total = combine.of_warps(total, s.row // WARP, self.thread, offset, both)
            self.exchanged += 1
        return both(total, start_of(self.group, node, number))

    # -- results ------------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        whole = [(v, b) for v, b in self.stores if self._is_whole(v)]
        single = [(v, b) for v, b in self.stores if not self._is_whole(v)]
        once = self.lane.is_equal(0) if self.mine is None else arith.andi(self.mine, self.lane.is_equal(0))
        by_row = [self._of_row(value) for value, _ in single]
        if single:
            when(once, lambda: self._put(single, by_row, self.row))
        if whole:
            self._each(
                [self.group.producers[value] for value, _ in whole], [], lambda p, v, c: self._store(whole, p, v)
            )

    def _is_whole(self, value: ir.Value) -> bool:
        node = self.group.producers[value]
        return not node.combiners and self.values.has_rows(node)

    def _of_row(self, value: ir.Value) -> ir.Value:
        if self.group.size(value) != self.group.symbols.resolve(self.rows.count):
            raise self.group.refuse("results of different rows", self.group.producers[value].op)
        return self.values.result(value, Position("row", self.row, 1))

    def _store(self, whole: Stores, position: Position, valid: ir.Value | None) -> list[ir.Value]:
        found = [spread(self.values.result(value, position), position.lanes) for value, _ in whole]
        offset = self.row * self.rows.length + position.place
        conditions = [condition for condition in (valid, self.mine) if condition is not None]
        if not conditions:
            self._put(whole, found, offset)
            return []
        condition = conditions[0] if len(conditions) == 1 else arith.andi(*conditions)
        when(condition, lambda: self._put(whole, found, offset))
        return []

    def _put(self, stores: Stores, values: list[ir.Value], offset: Word) -> None:
        for value, (_, buffer) in zip(values, stores, strict=True):
            buffer.store(value, offset)
