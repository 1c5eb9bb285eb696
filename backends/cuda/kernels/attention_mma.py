"""Attention on the tensor cores of sm_80 to sm_89: ``mma.sync`` by warps that also load, weights stay in registers.

A block has a tile of queries. While it works on a block of keys and values the next one comes to shared memory in the
background. Each warp has rows of its own, so that a softmax needs no other warp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, llvm

from stepwell.backends.cuda.kernels import chunks, memory, mma
from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels import online_softmax as softmax
from stepwell.backends.cuda.kernels.attention_adjust import Adjust, MakeAdjust, adjusted, power_of
from stepwell.backends.cuda.kernels.attention_mma_schedule import SHARED_LIMIT, STRIP, WARP, MmaSchedule
from stepwell.backends.cuda.kernels.attention_schedule import PART, AttentionProblem
from stepwell.backends.cuda.kernels.attention_tiles import Sizes, Tile, Values
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.online_softmax import Rows
from stepwell.backends.cuda.kernels.real import Real, real, reals
from stepwell.backends.cuda.kernels.tensor_cores import DEPTH, ROW_BYTES
from stepwell.backends.cuda.kernels.word import Word, word

_STRIDED = 4
"""Tensors that come with strides: queries, keys, values, results."""


_Matrices = Callable[[int, int, int], tuple[Word, int]]
"""From a step of 16 columns, the tile's rows, and a row, to an address and what to add to it."""


def build_mma_attention(
    name: str,
    problem: AttentionProblem,
    schedule: MmaSchedule,
    offsets: Sequence[int] = (0,) * _STRIDED,
    adjust: MakeAdjust | None = None,
    extra: Sequence[ir.Type] = (),
) -> None:
    """The kernel ``name(queries, keys, values, results, strides, sizes, ...)`` at the insertion point.

    That is in a ``gpu.module``. The first four are pointers, aligned to 16 bytes; the strides twelve ``i32``: for each
    of them those of batch, head and sequence, in numbers, multiples of 8. `Sizes` tells the rest. The grid has a block
    for each tile of each plane.

    Args:
        offsets: where queries, keys, values and results begin behind their pointers, in numbers, multiples of 8.
        adjust: makes what adjusts the scores (a mask, a bias) from the kernel's ``extra`` arguments.
    """
    problem.check()
    schedule.check(problem, SHARED_LIMIT)
    pointer, i32 = ir.Type.parse("!llvm.ptr"), ir.IntegerType.get_signless(32)
    fixed = [*[pointer] * _STRIDED, *[i32] * (3 * _STRIDED), *Sizes.types()]
    kind = ir.FunctionType.get([*fixed, *extra], [])
    function = gpu.GPUFuncOp(kind, name, kernel=True, known_block_size=[schedule.threads, 1, 1])
    function.operation.attributes["nvvm.minctasm"] = ir.IntegerAttr.get(i32, 1)
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        values = list(entry.arguments)
        strides = values[_STRIDED : 4 * _STRIDED]
        tensors = [
            _Strided(values[i], offsets[i], *(Word(stride) for stride in strides[3 * i : 3 * i + 3]))
            for i in range(_STRIDED)
        ]
        sizes = Sizes.of(values[4 * _STRIDED : len(fixed)])
        made = None if adjust is None else adjust(values[len(fixed) :], sizes)
        _Attention(problem, schedule, tensors, sizes, made).build()
        gpu.return_([])


@dataclass(frozen=True)
class _Strided:
    """A tensor in memory."""

    pointer: ir.Value
    offset: int
    batch: Word
    head: Word
    sequence: Word

    def row(self, batch: Word, head: Word, row: Word) -> ir.Value:
        """The address of a row, as an ``i64``."""
        parts = [(self.batch, batch), (self.head, head), (self.sequence, row)]
        offset = _sum([_i64(self.offset), *(arith.muli(stride.wide(), number.wide()) for stride, number in parts)])
        address = llvm.ptrtoint(ir.IntegerType.get_signless(64), self.pointer)
        return arith.addi(address, arith.muli(offset, _i64(2)))


class _Attention:
    """The builder of one kernel; its fields are what all its parts use."""

    def __init__(
        self,
        problem: AttentionProblem,
        schedule: MmaSchedule,
        tensors: Sequence[_Strided],
        sizes: Sizes,
        adjust: Adjust | None,
    ) -> None:
        self.problem, self.schedule, self.sizes, self.adjust = problem, schedule, sizes, adjust
        self.queries, self.keys, self.values, self.results = tensors
        self.element = problem.element_type()
        self.power = power_of(sizes, adjust)
        self.base = isa.shared_memory()
        self.thread = isa.thread()
        self.lane = self.thread % WARP
        self.strip = (self.thread // WARP) * (schedule.strips * STRIP)

    def build(self) -> None:
        """All of it."""
        s = self.schedule
        at = self.sizes.tile(isa.block(), s.queries, s.keys, causal=self.problem.causal)
        self._load(self.queries, self.base, s.queries, at.row, at.head, at.batch, self.sizes.queries)
        self._load_block(at, at.blocks - 1, word(0))
        results, rows = self._attend(at)
        for strip in range(s.strips):
            self._store(at, strip, results[strip], rows[strip])

    # -- memory -------------------------------------------------------------------------------------------------------

    def _key_tile(self, stage: Word) -> Word:
        first = self.base + self.schedule.query_bytes(self.problem)
        return first + stage * (2 * self.schedule.tile_bytes(self.problem))

    def _value_tile(self, stage: Word) -> Word:
        return self._key_tile(stage) + self.schedule.tile_bytes(self.problem)

    def _load_block(self, at: Tile, block: Word, stage: Word) -> None:
        keys = self.schedule.keys
        places = ((self.keys, self._key_tile(stage)), (self.values, self._value_tile(stage)))
        for tensor, place in places:
            self._load(tensor, place, keys, block * keys, at.key_head, at.batch, self.sizes.keys)

    def _load(self, source: _Strided, target: Word, rows: int, row: Word, head: Word, batch: Word, limit: Word) -> None:
        """A tile to shared memory, 16 bytes a thread at a time; zeros where there is nothing."""
        count = ROW_BYTES // chunks.CHUNK
        chunk, line = self.thread % count, self.thread // count
        lines = self.schedule.threads // count
        address = arith.addi(source.row(batch, head, row + line), (chunk * chunks.CHUNK).wide())
        further = arith.muli(source.sequence.wide(), _i64(2 * lines))
        for first in range(0, rows, lines):
            mine = line + first
            there = (row + mine).is_less(limit)
            for part in range(self.problem.parts):
                wanted = arith.andi(there, (chunk * 8 + part * PART).is_less(self.problem.head))
                place = target + part * rows * ROW_BYTES + mine * ROW_BYTES + ((chunk ^ (mine & 7)) << 4)
                chunks.copy_in(place, arith.addi(address, _i64(part * ROW_BYTES)), wanted)
            address = arith.addi(address, further)

    # -- blocks of keys -----------------------------------------------------------------------------------------------

    def _attend(self, at: Tile) -> tuple[list[Values], list[Rows]]:
        strips = range(self.schedule.strips)
        nothing = Rows((real(float("-inf")),) * softmax.ROWS, (real(0.0),) * softmax.ROWS)
        zeros = [real(0.0).value] * (self.problem.head // 2)
        state = [*(value for _ in strips for value in [*zeros, *nothing.values()]), word(0).value]
        unmasked = at.blocks - 1
        if self.problem.causal:
            first = self.sizes.limit(at.row + self.strip, causal=True)
            unmasked = (first // self.schedule.keys).minimum(unmasked)

        def at_edge(done: Word, values: Values) -> Values:
            return self._step(at, values, at.blocks - 1 - done, edge=True)

        def inside(done: Word, values: Values) -> Values:
            return self._step(at, values, unmasked - 1 - done, edge=False)

        state = loop(0, at.blocks - unmasked, 1, state, at_edge)
        state = loop(0, unmasked, 1, state, inside)
        return self._split(state[:-1])

    def _split(self, values: Values) -> tuple[list[Values], list[Rows]]:
        """Results and rows of each strip."""
        count, size = self.problem.head // 2, self.problem.head // 2 + 2 * softmax.ROWS
        strips = [values[i : i + size] for i in range(0, len(values), size)]
        return [strip[:count] for strip in strips], [Rows.of(strip[count:]) for strip in strips]

    def _step(self, at: Tile, values: Values, block: Word, *, edge: bool) -> Values:
        """Scores of a block of keys, weights of them, and results with its values."""
        *held, stage_ = values
        stage = Word(stage_)
        earlier, rows = self._split(held)
        chunks.copies_wait()
        isa.sync_block()
        when(word(0).is_less(block), lambda: self._load_block(at, block - 1, stage ^ 1))
        scores = self._multiply_keys(stage)
        results: list[Values] = []
        weights: list[Values] = []
        after: list[Rows] = []
        for strip, numbers in enumerate(scores):
            counting = self._counting(at, strip, reals(numbers), block, edge=edge)
            step = softmax.next_part(counting, rows[strip], self.power)
            results.append(softmax.rescaled(earlier[strip], step))
            weights.append(softmax.packed(step.weights, self.element))
            after.append(step.rows)
        sums = self._multiply_values(results, weights, stage)
        state = [[*mine, *known.values()] for mine, known in zip(sums, after, strict=True)]
        return [*(value for strip in state for value in strip), (stage ^ 1).value]

    def _counting(self, at: Tile, strip: int, scores: list[Real], block: Word, *, edge: bool) -> list[Real]:
        """The scores as they count; at an edge those of keys that are not there, or not seen, do not."""
        key = block * self.schedule.keys + (self.lane & 3) * 2
        first = at.row + self.strip + (strip * STRIP) + self.lane // 4
        queries = [first + half * 8 for half in range(softmax.ROWS)]
        if self.adjust is not None:
            scores = adjusted(self.adjust, self.sizes, at, scores, queries, key, inside=not edge)
        if not edge:
            return scores
        limits = [self.sizes.limit(query, causal=self.problem.causal) - key for query in queries]
        return softmax.masked(scores, limits)

    # -- products -----------------------------------------------------------------------------------------------------

    def _multiply_keys(self, stage: Word) -> list[list[ir.Value]]:
        """For each strip the scores of all keys."""
        s = self.schedule
        left = self._rows_first(self.base + self.strip * ROW_BYTES)
        right = self._columns_first(self._key_tile(stage))
        zero = real(0.0).value
        scores = [[zero] * (s.keys // 2) for _ in range(s.strips)]
        for step in range(self.problem.steps):
            lefts = [mma.load_matrices(*left(step, s.queries, strip * STRIP)) for strip in range(s.strips)]
            for sixteen in range(s.keys // DEPTH):
                words = mma.load_matrices(*right(step, s.keys, sixteen * DEPTH))
                self._add(scores, lefts, words, sixteen * 8)
        return scores

    def _multiply_values(
        self, results: Sequence[Values], weights: Sequence[Values], stage: Word
    ) -> list[list[ir.Value]]:
        s = self.schedule
        right = self._rows_first(self._value_tile(stage))
        sums = [list(strip) for strip in results]
        for sixteen in range(s.keys // DEPTH):
            lefts = [strip[4 * sixteen : 4 * sixteen + 4] for strip in weights]
            for step in range(self.problem.steps):
                words = mma.load_matrices(*right(step, s.keys, sixteen * DEPTH), transposed=True)
                self._add(sums, lefts, words, step * 8)
        return sums

    def _add(
        self, sums: Sequence[list[ir.Value]], lefts: Sequence[Values], words: Sequence[ir.Value], place: int
    ) -> None:
        """Add products with two right matrices to the 8 (at a head's end 4) sums of each strip from ``place`` on."""
        for strip, left in zip(sums, lefts, strict=True):
            for half in range(min(2, (len(strip) - place) // 4)):
                at = slice(place + half * 4, place + half * 4 + 4)
                strip[at] = mma.multiply(self.problem.element, left, words[2 * half : 2 * half + 2], strip[at])

    def _rows_first(self, tile: Word) -> _Matrices:
        """Addresses for matrices of 8 by 8, the second one 8 rows below the first."""
        return self._matrices(tile, (self.lane & 8) + (self.lane & 7), self.lane >> 4)

    def _columns_first(self, tile: Word) -> _Matrices:
        """The same, the second one 8 columns beside the first."""
        return self._matrices(tile, ((self.lane >> 4) << 3) + (self.lane & 7), (self.lane >> 3) & 1)

    def _matrices(self, tile: Word, line: Word, chunk: Word) -> _Matrices:
        mine = tile + line * ROW_BYTES
        turned = [mine + (((chunk + 2 * step) ^ (line & 7)) << 4) for step in range(PART // DEPTH)]

        def place(step: int, rows: int, row: int) -> tuple[Word, int]:
            part, inside = divmod(step, PART // DEPTH)
            return turned[inside], (part * rows + row) * ROW_BYTES

        return place

    # -- results ------------------------------------------------------------------------------------------------------

    def _store(self, at: Tile, strip: int, results: Values, rows: Rows) -> None:
        """Results by their sums of weights through the place of their queries to memory, 16 bytes a lane."""
        s, p = self.schedule, self.problem
        results = softmax.scaled(results, [softmax.inverse(total, closed=p.closed) for total in rows.totals()])
        first = self.strip + strip * STRIP
        for number, value in enumerate(softmax.packed(reals(results), self.element)):
            part, eight = divmod(number // 2, ROW_BYTES // chunks.CHUNK)
            line = self.lane // 4 + (number % 2) * 8
            place = self.base + (first + line) * ROW_BYTES + (((line & 7) ^ eight) << 4) + (self.lane & 3) * 4
            memory.store_shared(place + part * s.queries * ROW_BYTES, [value])
        isa.sync_warp()
        chunk = self.lane % 8
        for part in range(p.parts):
            column = chunk * 8 + part * PART
            for four in range(0, STRIP, WARP // 8):
                line = self.lane // 8 + four
                row = at.row + first + line
                wanted = arith.andi(column.is_less(p.head), row.is_less(self.sizes.queries))
                address = arith.addi(self.results.row(at.batch, at.head, row), (column * 2).wide())
                place = self.base + (first + line) * ROW_BYTES + ((chunk ^ (line & 7)) << 4)
                chunks.copy_out(address, place + part * s.queries * ROW_BYTES, wanted)


def _sum(numbers: Sequence[ir.Value]) -> ir.Value:
    total = numbers[0]
    for number in numbers[1:]:
        total = arith.addi(total, number)
    return total


def _i64(number: int) -> ir.Value:
    kind = ir.IntegerType.get_signless(64)
    return arith.ConstantOp(kind, ir.IntegerAttr.get(kind, number)).result
