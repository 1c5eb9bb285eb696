"""Attention on Hopper's tensor cores: one warpgroup loads for those that multiply, weights never leave registers.

Persistent blocks take tiles of queries in turn, those with most keys first. A warpgroup multiplies its queries with
the next keys before it multiplies the last weights with their values, and computes weights while other warpgroups use
the tensor cores (as in "FlashAttention-3", Shah et al., 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import gpu, scf

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels import online_softmax as softmax
from stepwell.backends.cuda.kernels import tensor_cores as cores
from stepwell.backends.cuda.kernels.attention_schedule import (
    PART,
    WARPGROUP,
    AttentionProblem,
    AttentionSchedule,
    Layout,
)
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.online_softmax import Rows
from stepwell.backends.cuda.kernels.real import Real, real, reals
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES
from stepwell.backends.cuda.kernels.word import Word, select, word

_LOG2_E = 1.4426950408889634

Values = Sequence[ir.Value]


def build_attention(name: str, problem: AttentionProblem, schedule: AttentionSchedule) -> None:
    """The kernel ``name(query map, key map, value map, result map, queries, keys, heads, batch, sharing, together,
    diagonal, scale)`` at the insertion point, in a ``gpu.module``.

    The maps are tensor maps of four dimensions (head size, sequence, head, batch) in global memory, with boxes of 64
    numbers by: the schedule's queries, its keys, its keys, 64 results. ``sharing`` heads of queries have the same keys;
    ``together`` planes (heads of a batch) are worked on at a time, for the L2 cache; query i sees keys up to
    i + ``diagonal`` (signed) if causal; scores count times ``scale`` (positive), an f32.
    """
    schedule.check(problem)
    pointer = ir.Type.parse("!llvm.ptr")
    i32 = ir.IntegerType.get_signless(32)
    kind = ir.FunctionType.get([pointer] * 4 + [i32] * 7 + [ir.F32Type.get()], [])
    function = gpu.GPUFuncOp(kind, name, kernel=True, known_block_size=[schedule.threads, 1, 1])
    function.operation.attributes["nvvm.minctasm"] = ir.IntegerAttr.get(i32, 1)
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        _Attention(problem, schedule, list(entry.arguments)).build()
        gpu.return_([])


@dataclass(frozen=True)
class _Tile:
    """Queries of one head: the first one, how many blocks of keys they see, and where these are."""

    row: Word
    blocks: Word
    head: Word
    shared_head: Word
    batch: Word


@dataclass(frozen=True)
class _Place:
    """A stage of a ring, and the parity of the phase that its barriers are in."""

    stage: Word
    parity: Word

    def values(self) -> list[ir.Value]:
        return [self.stage.value, self.parity.value]


class _Attention:
    """The builder of one kernel; its fields are what all its parts use."""

    def __init__(self, problem: AttentionProblem, schedule: AttentionSchedule, arguments: list[ir.Value]) -> None:
        self.problem, self.schedule, self.layout = problem, schedule, Layout(problem, schedule)
        self.query_map, self.key_map, self.value_map, self.result_map = arguments[:4]
        numbers = (Word(argument) for argument in arguments[4:11])
        self.queries, self.keys, self.heads, self.batch, self.sharing, self.together, self.diagonal = numbers
        self.scale = Real(arguments[11]) * _LOG2_E
        self.element = {"bf16": ir.BF16Type, "f16": ir.F16Type}[problem.element].get()

    def build(self) -> None:
        self.base = isa.shared_memory()
        self.thread = isa.thread()
        self.group = isa.uniform(self.thread // WARPGROUP)
        self.lane = self.thread % WARPGROUP
        self._set_up_barriers()
        when(self.group.is_equal(self.schedule.consumers), self._produce, self._consume)

    # -- shared memory ------------------------------------------------------------------------------------------------

    def _barrier(self, number: int, stage: Word) -> Word:
        return self.base + (self.layout.barriers + number * 8) + stage * 8

    def _queries_full(self, stage: Word) -> Word:
        return self._barrier(0, stage)

    def _queries_empty(self, stage: Word) -> Word:
        return self._barrier(self.schedule.query_stages, stage)

    def _keys_full(self, stage: Word) -> Word:
        return self._ring_barrier(0, stage)

    def _keys_empty(self, stage: Word) -> Word:
        return self._ring_barrier(1, stage)

    def _values_full(self, stage: Word) -> Word:
        return self._ring_barrier(2, stage)

    def _values_empty(self, stage: Word) -> Word:
        return self._ring_barrier(3, stage)

    def _ring_barrier(self, kind: int, stage: Word) -> Word:
        return self._barrier(2 * self.schedule.query_stages + kind * self.schedule.stages, stage)

    def _query_tile(self, stage: Word) -> Word:
        return self.base + stage * self.layout.query_bytes

    def _key_tile(self, stage: Word) -> Word:
        return self.base + self.layout.keys + stage * self.layout.tile_bytes

    def _value_tile(self, stage: Word) -> Word:
        return self.base + self.layout.values + stage * self.layout.tile_bytes

    def _set_up_barriers(self) -> None:
        s = self.schedule

        def set_up() -> None:
            for stages, full, empty in (
                (s.query_stages, self._queries_full, self._queries_empty),
                (s.stages, self._keys_full, self._keys_empty),
                (s.stages, self._values_full, self._values_empty),
            ):
                for stage in map(word, range(stages)):
                    isa.barrier_init(full(stage), 1)
                    isa.barrier_init(empty(stage), s.consumers)
            for tensor_map in (self.query_map, self.key_map, self.value_map, self.result_map):
                isa.prefetch_map(tensor_map)
            isa.fence_barrier_init()

        when(self.thread.is_equal(0), set_up)
        isa.sync_block()

    # -- tiles --------------------------------------------------------------------------------------------------------

    def _tiles(self, phase: int, body: Callable[[_Tile, _Place, _Place], _Place]) -> None:
        """A loop over the tiles of this block; ``body`` gets where queries and keys are, and gives where keys go on.

        Blocks take them in turn to and fro, since later ones have fewer keys.
        """
        blocks, block = isa.blocks(), isa.block()
        total = self.heads * self.batch * self._tiles_of_plane()
        whole, rest = total // blocks, total % blocks

        def place(turn: Word) -> Word:
            return select((turn & 1).is_equal(0), block, blocks - 1 - block)

        def turn(number: Word, values: Values) -> Values:
            tile = self._tile(number * blocks + place(number))
            queries, keys = _place(values[:2]), _place(values[2:])
            keys = body(tile, queries, keys)
            return [*self._next(queries, self.schedule.query_stages).values(), *keys.values()]

        count = whole + select(place(whole).is_less(rest), 1, 0)
        start = [word(0).value, word(phase).value]
        loop(0, count, 1, start * 2, turn)

    def _tiles_of_plane(self) -> Word:
        return (self.queries + (self.schedule.queries - 1)) // self.schedule.queries

    def _tile(self, number: Word) -> _Tile:
        s = self.schedule
        down = self._tiles_of_plane()
        band = number // (down * self.together)
        first = band * self.together
        size = (self.heads * self.batch - first).minimum(self.together)
        inner = number - first * down
        plane = first + inner % size
        row = (down - 1 - inner // size) * s.queries
        seen = self.keys
        if self.problem.causal:
            seen = (row + self.diagonal + s.queries).between(0, self.keys)
        head = plane % self.heads
        # Where no key is seen one block, all masked, makes the results zero.
        blocks = ((seen + (s.keys - 1)) // s.keys).between(1, 1 << 30)
        return _Tile(row, blocks, head, head // self.sharing, plane // self.heads)

    def _next(self, place: _Place, stages: int | None = None) -> _Place:
        following = place.stage + 1
        wrapped = following.is_equal(stages or self.schedule.stages)
        return _Place(select(wrapped, 0, following), select(wrapped, place.parity ^ 1, place.parity))

    # -- the warpgroup that loads -------------------------------------------------------------------------------------

    def _produce(self) -> None:
        isa.registers(self.schedule.registers[0], more=False)

        def tile(at: _Tile, queries: _Place, place: _Place) -> _Place:
            self._load_queries(at, queries)
            self._load_keys(at, at.blocks - 1, place)

            def step(done: Word, values: Values) -> Values:
                last = _place(values)
                place = self._next(last)
                self._load_keys(at, at.blocks - 1 - done, place)
                self._load_values(at, at.blocks - done, last)
                return place.values()

            last = _place(loop(1, at.blocks, 1, place.values(), step))
            self._load_values(at, word(0), last)
            return self._next(last)

        one = self.thread.is_equal(self.schedule.consumers * WARPGROUP)
        when(one, lambda: self._tiles(1, tile))

    def _load_queries(self, at: _Tile, place: _Place) -> None:
        isa.barrier_wait(self._queries_empty(place.stage), place.parity)
        full = self._queries_full(place.stage)
        isa.barrier_expect(full, self.layout.query_bytes)
        target = self._query_tile(place.stage)
        self._load(self.query_map, target, self.schedule.queries, at.row, at.head, at.batch, full)

    def _load_keys(self, at: _Tile, block: Word, place: _Place) -> None:
        isa.barrier_wait(self._keys_empty(place.stage), place.parity)
        full = self._keys_full(place.stage)
        isa.barrier_expect(full, self.layout.tile_bytes)
        size = self.schedule.keys
        self._load(self.key_map, self._key_tile(place.stage), size, block * size, at.shared_head, at.batch, full)

    def _load_values(self, at: _Tile, block: Word, place: _Place) -> None:
        isa.barrier_wait(self._values_empty(place.stage), place.parity)
        full = self._values_full(place.stage)
        isa.barrier_expect(full, self.layout.tile_bytes)
        size = self.schedule.keys
        self._load(self.value_map, self._value_tile(place.stage), size, block * size, at.shared_head, at.batch, full)

    def _load(
        self, source: ir.Value, target: Word, rows: int, row: Word, head: Word, batch: Word, barrier: Word
    ) -> None:
        for part in range(self.problem.parts):
            place = target + part * rows * ROW_BYTES
            isa.copy_in(place, source, [word(part * PART), row, head, batch], barrier)

    # -- the warpgroups that multiply ---------------------------------------------------------------------------------

    def _consume(self) -> None:
        isa.registers(self.schedule.registers[1], more=True)
        when(self.group.is_equal(self.schedule.consumers - 1), self._end_turn)

        def tile(at: _Tile, queries: _Place, place: _Place) -> _Place:
            row = at.row + self.group * cores.ROWS
            seen = self._blocks_seen(at, row)
            place = self._skip(at.blocks - seen, place)
            isa.barrier_wait(self._queries_full(queries.stage), queries.parity)
            results, rows, place = self._attend(row, seen, queries, place)
            self._store(at, row, results, rows)
            return place

        self._tiles(0, tile)
        when(self.lane.is_equal(0), lambda: isa.copies_wait_read(0))

    def _blocks_seen(self, at: _Tile, row: Word) -> Word:
        """How many of the tile's blocks of keys this warpgroup multiplies: one where it has no queries."""
        seen = at.blocks
        if self.problem.causal:
            end = (row + self.diagonal + cores.ROWS).between(0, self.keys)
            seen = ((end + (self.schedule.keys - 1)) // self.schedule.keys).between(1, at.blocks)
        return select(row.is_less(self.queries), seen, 1)

    def _skip(self, count: Word, place: _Place) -> _Place:
        """Let the last blocks of the tile pass."""

        def step(_: Word, values: Values) -> Values:
            place = _place(values)
            isa.barrier_wait(self._keys_full(place.stage), place.parity)
            self._release(self._keys_empty(place.stage))
            self._await_turn()
            self._end_turn()
            isa.barrier_wait(self._values_full(place.stage), place.parity)
            self._release(self._values_empty(place.stage))
            return self._next(place).values()

        return _place(loop(0, count, 1, place.values(), step))

    def _attend(self, row: Word, seen: Word, queries: _Place, place: _Place) -> tuple[Values, Rows, _Place]:
        """Results of this warpgroup's queries before they are divided by the sums of their weights."""
        left = cores.matrix(self._query_tile(queries.stage) + self.group * (cores.ROWS * ROW_BYTES))
        isa.barrier_wait(self._keys_full(place.stage), place.parity)
        self._await_turn()
        cores.fence([])
        scores = self._multiply_keys(left, place)
        self._end_turn()
        scores = cores.wait(0, scores)
        self._release(self._keys_empty(place.stage))
        weights, rows = softmax.first_part(reals(self._masked(scores, seen - 1, row)), self.scale)
        words = _flat(softmax.packed(weights, self.element))

        state = [*self._zeros(), *words, *rows.values(), *place.values()]
        unmasked = seen - 1
        if self.problem.causal:
            full = (row + self.diagonal + 1).between(0, self.keys) // self.schedule.keys
            unmasked = full.minimum(unmasked)

            def masked(done: Word, state: Values) -> Values:
                return self._step(state, left, lambda scores: self._masked(scores, seen - 1 - done, row))

            state = loop(1, seen - unmasked, 1, state, masked)
        state = loop(0, unmasked, 1, state, lambda _, state: self._step(state, left, lambda scores: scores))
        results, words, rows, place = self._split(state)

        self._release(self._queries_empty(queries.stage))
        isa.barrier_wait(self._values_full(place.stage), place.parity)
        results, words = self._fenced(results, words)
        results = cores.wait(0, self._multiply_values(results, words, place))
        self._release(self._values_empty(place.stage))
        return results, rows, self._next(place)

    def _step(self, state: Values, left: ir.Value, mask: Callable[[Values], Values]) -> Values:
        """Scores of the next keys, results of the last weights, then weights of the scores."""
        results, words, rows, last = self._split(state)
        place = self._next(last)
        isa.barrier_wait(self._keys_full(place.stage), place.parity)
        self._await_turn()
        results, words = self._fenced(results, words)
        scores = self._multiply_keys(left, place)
        isa.barrier_wait(self._values_full(last.stage), last.parity)
        results = self._multiply_values(results, words, last)
        self._end_turn()
        scores = cores.wait(1, scores)
        self._release(self._keys_empty(place.stage))
        step = softmax.next_part(reals(mask(scores)), rows, self.scale)
        results = cores.wait(0, results)
        self._release(self._values_empty(last.stage))
        words = _flat(softmax.packed(step.weights, self.element))
        return [*_rescaled(results, step), *words, *step.rows.values(), *place.values()]

    def _split(self, state: Values) -> tuple[Values, Values, Rows, _Place]:
        """Results, weights, rows and place of a loop over keys."""
        count, words = self.problem.head // 2, self.schedule.keys // 4
        *state, stage, parity = state
        rows = Rows.of(state[count + words :])
        return state[:count], state[count : count + words], rows, _Place(Word(stage), Word(parity))

    def _fenced(self, results: Values, words: Values) -> tuple[Values, Values]:
        both = cores.fence([*results, *words])
        return both[: len(results)], both[len(results) :]

    def _zeros(self) -> Values:
        return [real(0.0).value] * (self.problem.head // 2)

    def _release(self, barrier: Word) -> None:
        isa.barrier_arrive_if(self.lane.is_equal(0), barrier)

    def _turn(self, group: Word) -> Word:
        return group + (1 + self.schedule.consumers)

    def _await_turn(self) -> None:
        if self.schedule.turns:
            isa.sync_threads(self._turn(self.group), 2 * WARPGROUP)

    def _end_turn(self) -> None:
        if not self.schedule.turns:
            return
        following = self.group + 1
        following = select(following.is_equal(self.schedule.consumers), 0, following)
        isa.arrive_threads(self._turn(following), 2 * WARPGROUP)

    def _multiply_keys(self, left: ir.Value, place: _Place) -> Values:
        s = self.schedule
        right = cores.matrix(self._key_tile(place.stage))
        scores = cores.undefined(s.keys // 2)
        for step in range(self.problem.steps):
            part, inside = divmod(step * cores.DEPTH, PART)
            left_step = cores.moved(left, part * s.queries * ROW_BYTES + inside * 2)
            right_step = cores.moved(right, part * s.keys * ROW_BYTES + inside * 2)
            scores = cores.multiply(scores, left_step, right_step, self.problem.element, fresh=step == 0)
        cores.commit()
        return scores

    def _multiply_values(self, results: Values, words: Values, place: _Place) -> Values:
        right = cores.matrix(self._value_tile(place.stage), across=self.schedule.keys * ROW_BYTES)
        for step in range(self.schedule.keys // cores.DEPTH):
            results = cores.multiply(
                results,
                words[4 * step : 4 * step + 4],
                cores.moved(right, step * cores.DEPTH * ROW_BYTES),
                self.problem.element,
                right_by_depth=True,
            )
        cores.commit()
        return results

    def _masked(self, scores: Values, block: Word, row: Word) -> Values:
        """The scores of keys that there are, and that the query sees."""
        limits = []
        for half in range(softmax.ROWS):
            limit = self.keys
            if self.problem.causal:
                mine = row + (self.lane // 32) * 16 + (self.lane % 32) // 4 + half * 8
                limit = (mine + self.diagonal + 1).between(0, self.keys)
            limits.append(limit - block * self.schedule.keys - (self.lane & 3) * 2)
        return [score.value for score in softmax.masked(reals(scores), limits)]

    def _store(self, at: _Tile, row: Word, results: Values, rows: Rows) -> None:
        """Results by their sums of weights to shared memory, and from there by the copy engine."""
        factors = [softmax.inverse(total) for total in rows.totals()]
        results = softmax.scaled(results, factors)
        mine = self.base + self.layout.results + self.group * (self.problem.parts * cores.ROWS * ROW_BYTES)
        inner = self.lane % 32
        line = (self.lane // 32) * 16 + (inner & 15)
        address, chunk, turned = mine + line * ROW_BYTES, inner >> 4, line & 7
        when(self.lane.is_equal(0), lambda: isa.copies_wait_read(0))
        isa.sync_threads(self.group + 1, WARPGROUP)
        for step in range(self.problem.steps):
            part, inside = divmod(step * cores.DEPTH, PART)
            pairs = results[8 * step : 8 * step + 8]
            words = [isa.pack_halves(pairs[i], pairs[i + 1], self.element) for i in range(0, len(pairs), 2)]
            words += [word(0).value] * (4 - len(words))
            place = address + part * cores.ROWS * ROW_BYTES
            isa.store_matrices(place + (((chunk + inside // 8) ^ turned) << 4), words)
        isa.fence_async()
        isa.sync_threads(self.group + 1, WARPGROUP)

        def send() -> None:
            for part in range(self.problem.parts):
                place = [word(part * PART), row, at.head, at.batch]
                isa.copy_out(self.result_map, place, mine + part * cores.ROWS * ROW_BYTES)
            isa.copies_commit()

        when(self.lane.is_equal(0), send)


def _place(values: Values) -> _Place:
    return _Place(Word(values[0]), Word(values[1]))


def _flat(words: Sequence[Values]) -> list[ir.Value]:
    return [value for four in words for value in four]


def _rescaled(results: Values, step: softmax.Step) -> Values:
    """Earlier results times the factors, where any row of the warp has one."""
    made = scf.IfOp(step.needed, [value.type for value in results], has_else=True)
    with ir.InsertionPoint(made.then_block):
        scf.YieldOp(softmax.scaled(results, step.factors))
    with ir.InsertionPoint(made.else_block):
        scf.YieldOp(list(results))
    return list(made.results)
