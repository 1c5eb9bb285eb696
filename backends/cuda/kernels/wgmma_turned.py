"""Results of few rows: the tensor cores' rows are their columns, and sums are stored the other way round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.pair_store import PairStore
from stepwell.backends.cuda.kernels.tensor_cores import ROWS
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.wgmma_store import Tile
from stepwell.backends.cuda.kernels.word import Word

_NEXT_ROW = 4
"""Between the lanes of a warp that have the sums of a row and of the next one."""


@dataclass(frozen=True)
class TurnedStore:
    """The end of a tile in one warpgroup.

    Attributes:
        group: the number of this warpgroup.
        lane: the thread in it.
        direct: makes what stores to a matrix of the result, whose rows are the tile's columns.
    """

    problem: WgmmaProblem
    schedule: WgmmaSchedule
    group: Word
    lane: Word
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
