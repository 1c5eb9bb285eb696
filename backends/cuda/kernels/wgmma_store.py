"""How a warpgroup's sums become results: through the epilogue and shared memory, from there by the copy engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels import memory
from stepwell.backends.cuda.kernels.control import when
from stepwell.backends.cuda.kernels.epilogue import Epilogue
from stepwell.backends.cuda.kernels.pair_store import PairStore
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES, ROWS, WARPGROUP
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.word import Word, word

_AHEAD = {1: 2, 2: 2, 3: 0}
"""Parts that what an epilogue reads is on its way for, by warpgroups that share the registers."""


@dataclass(frozen=True)
class Tile:
    """A tile of the result: its plane, first row and first column."""

    batch: Word
    row: Word
    column: Word


@dataclass(frozen=True)
class SumStore:
    """The end of a tile in one warpgroup.

    A tile is stored in parts of 64 rows by 128 bytes, whose sums are ``problem.part / 2`` numbers a thread.

    Attributes:
        base: of shared memory.
        group: the number of this warpgroup.
        lane: the thread in it.
        rank: the block in its cluster.
        result: the tensor map.
        direct: makes what stores to a matrix of the result, where the copy engine does not.
    """

    problem: WgmmaProblem
    schedule: WgmmaSchedule
    epilogue: Epilogue
    base: Word
    group: Word
    lane: Word
    rank: Word
    result: ir.Value
    direct: Callable[[Word], PairStore] | None

    def store(self, at: Tile, sums: Sequence[ir.Value]) -> None:
        """Store a tile whose sums this block has alone."""
        size, parts = self.problem.part // 2, self.schedule.parts(self.problem)
        ahead = _AHEAD[self.schedule.consumers]
        begun = [self._begin(at, number) for number in range(min(ahead, parts))]
        for number in range(parts):
            if number + ahead < parts:
                begun.append(self._begin(at, number + ahead))
            begun[number](sums[number * size : (number + 1) * size])

    def store_split(self, at: Tile, sums: Sequence[ir.Value]) -> None:
        """Add up the sums of all blocks of the cluster, each its share of the parts, and store them."""
        s = self.schedule
        parts, across = s.parts(self.problem), s.columns // self.problem.part
        isa.meet_cluster()  # the rings are read to their end
        self._scatter(sums)
        isa.meet_cluster()
        for number in range(-(-parts // s.split)):
            part = self.rank + number * s.split

            def own(number: int = number, part: Word = part) -> None:
                row = self._row(at) + (part // across) * ROWS
                column = at.column + (part % across) * self.problem.part
                self._part(at.batch, row, column, number)(self._gather(number))

            when(part.is_less(parts), own)

    def _begin(self, at: Tile, number: int) -> Callable[[Sequence[ir.Value]], None]:
        """Have on its way what the epilogue reads for a part; what comes back ends it, given its sums."""
        across = self.schedule.columns // self.problem.part
        row = self._row(at) + number // across * ROWS
        return self._part(at.batch, row, at.column + number % across * self.problem.part, number)

    def finish(self) -> None:
        """Wait until the copy engine has read what it was given."""
        if self.direct is None:
            when(self.lane.is_equal(0), lambda: isa.copies_wait_read(0))

    def _row(self, at: Tile) -> Word:
        return at.row + self.group * (self.schedule.rows // self.schedule.consumers)

    # -- sums of a cluster --------------------------------------------------------------------------------------------

    def _place(self, number: int, source: Word) -> Word:
        """Where a block keeps what ``source`` sends for its part ``number``; a thread's numbers four at a time."""
        s = self.schedule
        size = ROWS * self.problem.part * 4
        return self.base + ((source + number * s.split) * s.consumers + self.group) * size + self.lane * 16

    def _scatter(self, sums: Sequence[ir.Value]) -> None:
        size = self.problem.part // 2
        for part in range(self.schedule.parts(self.problem)):
            number, owner = divmod(part, self.schedule.split)
            there = memory.in_block(self._place(number, self.rank), owner)
            for four in range(size // 4):
                first = part * size + four * 4
                memory.store_in_cluster(there + four * (WARPGROUP * 16), sums[first : first + 4])

    def _gather(self, number: int) -> list[ir.Value]:
        kind = self.problem.kind.sum
        add = arith.addi if self.problem.kind.integer else arith.addf
        totals = []
        for four in range(self.problem.part // 8):
            offset = four * (WARPGROUP * 16)
            found = [
                memory.load_shared(self._place(number, word(source)) + offset, 4, kind)
                for source in range(self.schedule.split)
            ]
            for numbers in zip(*found, strict=True):
                total = numbers[0]
                for value in numbers[1:]:
                    total = add(total, value)
                totals.append(total)
        return totals

    # -- parts --------------------------------------------------------------------------------------------------------

    def _part(self, batch: Word, first: Word, column: Word, number: int) -> Callable[[Sequence[ir.Value]], None]:
        """How a part whose upper left corner is (first, column) is stored, given its sums."""
        warp, inner = self.lane // 32, self.lane % 32
        own_row, own_column = first + warp * 16 + (inner >> 2), column + (inner & 3) * 2
        size = self.problem.part // 2
        places = [(own_row + place % 4 // 2 * 8, own_column + place // 4 * 8) for place in range(0, size, 2)]
        if self.direct is not None:
            store = self.direct(batch)

            def store_pairs(sums: Sequence[ir.Value]) -> None:
                for pair, (row, own) in enumerate(places):
                    store.store(row, own, sums[2 * pair : 2 * pair + 2])

            return store_pairs
        ends = [self.epilogue(batch, row, own) for row, own in places]

        def send(sums: Sequence[ir.Value]) -> None:
            buffer = self._free_buffer(number)
            self._write(buffer, [end(sums[2 * pair : 2 * pair + 2]) for pair, end in enumerate(ends)])
            isa.fence_async()
            isa.sync_threads(self.group + 1, WARPGROUP)

            def copy() -> None:
                isa.copy_out(self.result, [column, first, batch], buffer)
                isa.copies_commit()

            when(self.lane.is_equal(0), copy)

        return send

    def _free_buffer(self, number: int) -> Word:
        """A buffer for a part, once the copy engine has read what was in it.

        Threads meet here between the last product and whatever reads its sums, or ptxas would move that up.
        """
        # The other buffer's copy may run on, but for the first part behind a tile that ended on this buffer.
        pending = 0 if number == 0 and self.schedule.parts(self.problem) % 2 else 1
        when(self.lane.is_equal(0), lambda: isa.copies_wait_read(pending))
        isa.sync_threads(self.group + 1, WARPGROUP)
        place = self.schedule.staging + number % 2 * ROWS * ROW_BYTES
        return self.base + (self.group * (2 * ROWS * ROW_BYTES) + place)

    def _write(self, buffer: Word, pairs: Sequence[Sequence[ir.Value]]) -> None:
        {"bf16": self._write_halves, "f16": self._write_halves, "s8": self._write_bytes}.get(
            self.problem.result, self._write_words
        )(buffer, pairs)

    def _write_halves(self, buffer: Word, pairs: Sequence[Sequence[ir.Value]]) -> None:
        kind = {"bf16": ir.BF16Type, "f16": ir.F16Type}[self.problem.result].get()
        # Which row and 16 bytes of a 16 by 16 part this lane gives the address of.
        row, chunk = (self.lane // 32) * 16 + (self.lane & 15), (self.lane % 32) >> 4
        for sixteen in range(len(pairs) // 4):
            words = [isa.pack_halves(pair[0], pair[1], kind) for pair in pairs[sixteen * 4 : sixteen * 4 + 4]]
            isa.store_matrices(buffer + row * ROW_BYTES + (((chunk + sixteen * 2) ^ (row & 7)) << 4), words)

    def _write_words(self, buffer: Word, pairs: Sequence[Sequence[ir.Value]]) -> None:
        for place, pair in enumerate(pairs):
            memory.store_shared(self._swizzled(buffer, place, 4), list(pair))

    def _write_bytes(self, buffer: Word, pairs: Sequence[Sequence[ir.Value]]) -> None:
        for place, pair in enumerate(pairs):
            memory.store_shared_part(self._swizzled(buffer, place, 1), isa.pack_bytes(pair[0], pair[1]), 2)

    def _swizzled(self, buffer: Word, place: int, size: int) -> Word:
        """Where this lane's pair ``place`` of elements of ``size`` bytes lies."""
        warp, inner = self.lane // 32, self.lane % 32
        row = warp * 16 + (inner >> 2) + place % 2 * 8
        offset = (inner & 3) * (2 * size) + place // 2 * 8 * size
        return buffer + row * ROW_BYTES + (((offset >> 4) ^ (row & 7)) << 4) + (offset & 15)
