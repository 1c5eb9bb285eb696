"""Attention on Hopper's tensor cores: one warpgroup loads for those that multiply, weights never leave registers.

Persistent blocks take tiles of queries in turn, those with most keys first. A warpgroup multiplies its queries with
the next keys before it multiplies the last weights with their values, and computes weights while other warpgroups use
the tensor cores (as in "FlashAttention-3", Shah et al., 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import gpu

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels import online_softmax as softmax
from stepwell.backends.cuda.kernels import tensor_cores as cores
from stepwell.backends.cuda.kernels.attention_adjust import Adjust, MakeAdjust, adjusted, power_of
from stepwell.backends.cuda.kernels.attention_load import Loader
from stepwell.backends.cuda.kernels.attention_schedule import (
    PART,
    AttentionProblem,
    AttentionSchedule,
    Layout,
)
from stepwell.backends.cuda.kernels.attention_store import Store
from stepwell.backends.cuda.kernels.attention_tiles import Maps, Place, Ring, Rings, Sizes, Tile, Tiles, Values, set_up
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.online_softmax import Rows
from stepwell.backends.cuda.kernels.real import Real, real, reals
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES, WARPGROUP
from stepwell.backends.cuda.kernels.word import Word, select


def build_attention(
    name: str,
    problem: AttentionProblem,
    schedule: AttentionSchedule,
    adjust: MakeAdjust | None = None,
    extra: Sequence[ir.Type] = (),
) -> None:
    """The kernel ``name(query map, key map, value map, result map, queries, keys, heads, batch, sharing, together,
    diagonal, scale, ...)`` at the insertion point, in a ``gpu.module``.

    The maps are tensor maps of four dimensions (head size, sequence, head, batch) in global memory, with boxes of 64
    numbers by: the schedule's queries, its keys, its keys, 64 results; `Sizes` tells the rest, `planes_together` what
    is good for ``together``.

    Args:
        adjust: makes what adjusts the scores (a mask, a bias) from the kernel's ``extra`` arguments.
    """
    problem.check()
    schedule.check(problem)
    fixed = [*[ir.Type.parse("!llvm.ptr")] * 4, *Sizes.types()]
    kind = ir.FunctionType.get([*fixed, *extra], [])
    function = gpu.GPUFuncOp(kind, name, kernel=True, known_block_size=[schedule.threads, 1, 1])
    one = ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 1)
    function.operation.attributes["nvvm.minctasm"] = one
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        values = list(entry.arguments)
        sizes = Sizes.of(values[4 : len(fixed)])
        made = None if adjust is None else adjust(values[len(fixed) :], sizes)
        _build(problem, schedule, Maps(*values[:4]), sizes, made)
        gpu.return_([])


def _build(
    problem: AttentionProblem, schedule: AttentionSchedule, maps: Maps, sizes: Sizes, adjust: Adjust | None
) -> None:
    base, layout = isa.shared_memory(), Layout(problem, schedule)
    rings = Rings(base, layout)
    tiles = Tiles(problem, schedule, sizes)
    set_up(rings, schedule.consumers, maps)
    thread = isa.thread()
    group = isa.uniform(thread // WARPGROUP)
    loader = Loader(problem, schedule, maps, rings, tiles)
    store = Store(layout, maps.results, rings, base, group, thread % WARPGROUP)
    multiplier = _Multiplier(problem, schedule, sizes, rings, tiles, store, group, adjust)
    first = schedule.consumers * WARPGROUP
    when(group.is_equal(schedule.consumers), lambda: loader.build(thread.is_equal(first)), multiplier.build)


@dataclass(frozen=True)
class _Work:
    """A warpgroup's queries of a tile: the first one, the descriptor of them, and how many blocks of keys they see."""

    tile: Tile
    row: Word
    left: ir.Value
    blocks: Word


@dataclass(frozen=True)
class _State:
    """Between two blocks of keys: sums of weighted values without those of the last block, whose weights wait."""

    results: Values
    weights: Values
    rows: Rows
    place: Place

    def values(self) -> list[ir.Value]:
        return [*self.results, *self.weights, *self.rows.values(), *self.place.values()]


class _Multiplier:
    """Builds what a warpgroup does that multiplies."""

    def __init__(
        self,
        problem: AttentionProblem,
        schedule: AttentionSchedule,
        sizes: Sizes,
        rings: Rings,
        tiles: Tiles,
        store: Store,
        group: Word,
        adjust: Adjust | None,
    ) -> None:
        self.problem, self.schedule, self.sizes = problem, schedule, sizes
        self.rings, self.tiles, self.store, self.group, self.adjust = rings, tiles, store, group, adjust
        self.lane = isa.thread() % WARPGROUP
        self.leads = self.lane.is_equal(0)
        self.element = problem.element_type()
        self.power = power_of(sizes, adjust)

    def build(self) -> None:
        """All of it."""
        isa.registers(self.schedule.registers[1], more=True)
        if self.schedule.turns:
            when(self.group.is_equal(self.schedule.consumers - 1), self._end_turn)
        self.tiles.walk(0, self._tile)
        self.store.wait()

    def _tile(self, at: Tile, queries: Place, place: Place) -> Place:
        row = at.row + self.group * cores.ROWS
        mine = self.rings.queries.tile(queries) + self.group * (cores.ROWS * ROW_BYTES)
        work = _Work(at, row, cores.matrix(mine), self._blocks_seen(at, row))
        place = self._skip(at.blocks - work.blocks, place)
        self.rings.queries.wait_full(queries)
        state = self._attend(work, place)
        if self.schedule.staging:
            self._release(self.rings.queries, queries)
        results = self._last_values(state)
        self.store.build(at, row, queries, results, state.rows)
        if not self.schedule.staging:
            self.store.wait()
            self._release(self.rings.queries, queries)
        return state.place.next(self.schedule.stages)

    # -- blocks of keys -----------------------------------------------------------------------------------------------

    def _blocks_seen(self, at: Tile, row: Word) -> Word:
        """How many of the tile's blocks of keys this warpgroup multiplies: one where it has no queries."""
        seen = at.blocks
        if self.problem.causal:
            end = self.sizes.limit(row + (cores.ROWS - 1), causal=True)
            seen = ((end + (self.schedule.keys - 1)) // self.schedule.keys).between(1, at.blocks)
        return select(row.is_less(self.sizes.queries), seen, 1)

    def _skip(self, count: Word, place: Place) -> Place:
        """Let blocks pass that none of the queries sees."""

        def step(_: Word, values: Values) -> Values:
            place = Place.of(values)
            self.rings.keys.wait_full(place)
            self._release(self.rings.keys, place)
            self._await_turn()
            self._end_turn()
            self.rings.values.wait_full(place)
            self._release(self.rings.values, place)
            return place.next(self.schedule.stages).values()

        return Place.of(loop(0, count, 1, place.values(), step))

    def _attend(self, work: _Work, place: Place) -> _State:
        """All blocks of keys, the last one first, but for the values of the one at the end."""
        first = self._first_step(work, place)
        unmasked = work.blocks - 1
        state = first.values()
        if self.problem.causal:
            full = self.sizes.limit(work.row, causal=True) // self.schedule.keys
            unmasked = full.minimum(unmasked)

            def at_edge(done: Word, values: Values) -> Values:
                return self._step(work, self._state(values), work.blocks - 1 - done, edge=True).values()

            state = loop(1, work.blocks - unmasked, 1, state, at_edge)

        def inside(done: Word, values: Values) -> Values:
            return self._step(work, self._state(values), unmasked - 1 - done, edge=False).values()

        return self._state(loop(0, unmasked, 1, state, inside))

    def _state(self, values: Values) -> _State:
        results = self.problem.head // 2
        weights = results + self.schedule.keys // 4
        *rows, stage, parity = values[weights:]
        return _State(values[:results], values[results:weights], Rows.of(rows), Place.of([stage, parity]))

    def _first_step(self, work: _Work, place: Place) -> _State:
        self.rings.keys.wait_full(place)
        self._await_turn()
        cores.fence([])
        scores = self._multiply_keys(work, place)
        self._end_turn()
        scores = cores.wait(0, scores)
        self._release(self.rings.keys, place)
        weights, rows = softmax.first_part(self._counting(work, scores, work.blocks - 1, edge=True), self.power)
        zeros = [real(0.0).value] * (self.problem.head // 2)
        return _State(zeros, softmax.packed(weights, self.element), rows, place)

    def _step(self, work: _Work, state: _State, block: Word, *, edge: bool) -> _State:
        """Scores of the next keys, results of the last weights, then weights of the scores."""
        place = state.place.next(self.schedule.stages)
        self.rings.keys.wait_full(place)
        self._await_turn()
        results, weights = self._fenced(state)
        scores = self._multiply_keys(work, place)
        self.rings.values.wait_full(state.place)
        results = self._multiply_values(results, weights, state.place)
        self._end_turn()
        scores = cores.wait(1, scores)
        self._release(self.rings.keys, place)
        step = softmax.next_part(self._counting(work, scores, block, edge=edge), state.rows, self.power)
        results = cores.wait(0, results)
        self._release(self.rings.values, state.place)
        weights = softmax.packed(step.weights, self.element)
        return _State(softmax.rescaled(results, step), weights, step.rows, place)

    def _last_values(self, state: _State) -> Values:
        """The results with those of the weights that wait."""
        self.rings.values.wait_full(state.place)
        results, weights = self._fenced(state)
        results = cores.wait(0, self._multiply_values(results, weights, state.place))
        self._release(self.rings.values, state.place)
        return results

    # -- scores -------------------------------------------------------------------------------------------------------

    def _counting(self, work: _Work, scores: Values, block: Word, *, edge: bool) -> list[Real]:
        """The scores as they count; at an edge those of keys that are not there, or not seen, do not."""
        numbers = reals(scores)
        key = block * self.schedule.keys + (self.lane & 3) * 2
        queries = [work.row + (self.lane // 32) * 16 + (self.lane % 32) // 4 + half * 8 for half in range(softmax.ROWS)]
        if self.adjust is not None:
            numbers = adjusted(self.adjust, self.sizes, work.tile, numbers, queries, key, inside=not edge)
        if not edge:
            return numbers
        limits = [self.sizes.limit(query, causal=self.problem.causal) - key for query in queries]
        return softmax.masked(numbers, limits)

    # -- products -----------------------------------------------------------------------------------------------------

    def _fenced(self, state: _State) -> tuple[Values, Values]:
        both = cores.fence([*state.results, *state.weights])
        return both[: len(state.results)], both[len(state.results) :]

    def _multiply_keys(self, work: _Work, place: Place) -> Values:
        s = self.schedule
        right = cores.matrix(self.rings.keys.tile(place))
        scores = cores.undefined(s.keys // 2)
        for step in range(self.problem.steps):
            part, inside = divmod(step * cores.DEPTH, PART)
            left_step = cores.moved(work.left, part * s.queries * ROW_BYTES + inside * 2)
            right_step = cores.moved(right, part * s.keys * ROW_BYTES + inside * 2)
            scores = cores.multiply(scores, left_step, right_step, self.problem.element, fresh=step == 0)
        cores.commit()
        return scores

    def _multiply_values(self, results: Values, weights: Values, place: Place) -> Values:
        right = cores.matrix(self.rings.values.tile(place), across=self.schedule.keys * ROW_BYTES)
        for step in range(self.schedule.keys // cores.DEPTH):
            left = weights[4 * step : 4 * step + 4]
            right_step = cores.moved(right, step * cores.DEPTH * ROW_BYTES)
            results = cores.multiply(results, left, right_step, self.problem.element, right_by_depth=True)
        cores.commit()
        return results

    def _release(self, ring: Ring, place: Place) -> None:
        isa.barrier_arrive_if(self.leads, ring.empty(place.stage))

    # -- turns on the tensor cores ------------------------------------------------------------------------------------

    def _turn(self, group: Word) -> Word:
        """The barrier at which a warpgroup waits for the one before it; those before are of single warpgroups."""
        return group + (1 + self.schedule.consumers)

    def _await_turn(self) -> None:
        if self.schedule.turns:
            isa.sync_threads(self._turn(self.group), 2 * WARPGROUP)

    def _end_turn(self) -> None:
        if self.schedule.turns:
            following = self.group + 1
            following = select(following.is_equal(self.schedule.consumers), 0, following)
            isa.arrive_threads(self._turn(following), 2 * WARPGROUP)
