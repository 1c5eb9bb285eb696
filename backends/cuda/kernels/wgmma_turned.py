"""Results of few rows: the tensor cores' rows are their columns, and sums are stored the other way round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels import memory
from stepwell.backends.cuda.kernels.control import when
from stepwell.backends.cuda.kernels.pair_store import PairStore
from stepwell.backends.cuda.kernels.tensor_cores import ROWS, WARPGROUP
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.wgmma_store import Tile
from stepwell.backends.cuda.kernels.word import Word, word

_NEXT_ROW = 4
"""Between the lanes of a warp that have the sums of a row and of the next one."""


@dataclass(frozen=True)
class TurnedStore:
    """The end of a tile in one warpgroup.

    Attributes:
        base: of shared memory.
        group: the number of this warpgroup.
        lane: the thread in it.
        rank: the block in its cluster.
        direct: makes what stores to a matrix of the result, whose rows are the tile's columns.
    """

    problem: WgmmaProblem
    schedule: WgmmaSchedule
    base: Word
    group: Word
    lane: Word
    rank: Word
    direct: Callable[[Word], PairStore]

    def store(self, at: Tile, sums: Sequence[ir.Value]) -> None:
        """Store a tile's sums.

        A thread has sums of two columns in a row. Threads of two rows exchange one of these, and then have two rows of
        one column each, which lie beside each other in the result.
        """
        s, store = self.schedule, self.direct(at.batch)
        warp, inner = self.lane // 32, self.lane % 32
        odd = (inner >> 2) & 1
        row = at.row + self.group * (s.rows // s.consumers) + warp * 16 + (inner >> 3) * 2
        column = at.column + (inner & 3) * 2 + odd
        is_odd = odd.is_equal(1)
        for pair in range(len(sums) // 2):
            strip, place = divmod(pair, s.columns // 4)
            first, second = sums[2 * pair : 2 * pair + 2]
            other = isa.shuffle_xor(arith.select(is_odd, first, second), _NEXT_ROW)
            both = [arith.select(is_odd, other, first), arith.select(is_odd, second, other)]
            down = strip * ROWS + place % 2 * 8
            store.store(column + place // 2 * 8, row + down, both)

    def store_split(self, at: Tile, sums: Sequence[ir.Value]) -> None:
        """Have the first block of the cluster add up the sums of all, in their order, and store them."""
        isa.meet_cluster()  # the rings are read to their end
        when(self.rank.is_above(0), lambda: self._send(sums))
        isa.meet_cluster()
        when(self.rank.is_equal(0), lambda: self.store(at, self._gathered(sums)))

    def _place(self, source: Word) -> Word:
        """Where the first block keeps this thread's numbers of another one, four at a time."""
        s = self.schedule
        return self.base + (source * s.consumers + self.group) * (s.sums_of_group * 4) + self.lane * 16

    def _send(self, sums: Sequence[ir.Value]) -> None:
        there = memory.in_block(self._place(self.rank - 1), 0)
        for four in range(0, len(sums), 4):
            memory.store_in_cluster(there + four * (WARPGROUP * 4), sums[four : four + 4])

    def _gathered(self, sums: Sequence[ir.Value]) -> list[ir.Value]:
        kind = self.problem.kind
        plus, totals = arith.addi if kind.integer else arith.addf, list(sums)
        for source in range(self.schedule.split - 1):
            found = []
            for four in range(0, len(sums), 4):
                place = self._place(word(source)) + four * (WARPGROUP * 4)
                found += memory.load_shared(place, 4, kind.sum)
            totals = [plus(total, value) for total, value in zip(totals, found, strict=True)]
        return totals
