"""Sums of parts of a tile that several blocks work on, by way of global memory.

Each share of the line of steps has a place for the sums of the one tile that it may begin in the middle of, and a flag
that says they are there. Whoever has the tile's beginning adds them to its own in the order of the shares, so that the
same sums come of every run, and puts the flag back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from stepwell.backends.cuda.kernels import global_memory as gm
from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.tensor_cores import WARPGROUP
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.word import Word, word

_TOGETHER = 4
"""Sums of a thread that are written at a time."""

_ON_THEIR_WAY = 32
"""Sums of a thread that are read at a time: registers for more are not there."""

_FLAG_BYTES = 4


@dataclass(frozen=True)
class PartialSums:
    """The sums of a warpgroup's rows.

    Attributes:
        group: the number of this warpgroup.
        lane: the thread in it.
        rank: the block in its cluster.
        sums: where they lie, a pointer; each share has those of all warpgroups.
        flags: one i32 for each share and warpgroup; 1 where sums are there, else 0.
    """

    problem: WgmmaProblem
    schedule: WgmmaSchedule
    group: Word
    lane: Word
    rank: Word
    sums: ir.Value
    flags: ir.Value

    def leave(self, share: Word, sums: Sequence[ir.Value]) -> None:
        """Leave the sums of the tile that ``share`` begins in the middle of."""
        always = word(0).is_equal(0)
        for number in range(0, len(sums), _TOGETHER):
            gm.store_global(self._place(share, number), sums[number : number + _TOGETHER], self._kind, always)
        isa.sync_threads(self.group + 1, WARPGROUP)
        when(self.lane.is_equal(0), lambda: gm.raise_flag(self._flag(share)))

    def add(self, first: Word, behind: Word, sums: Sequence[ir.Value]) -> list[ir.Value]:
        """``sums`` and what shares from ``first`` up to ``behind`` leave, all waited for."""
        plus = arith.addi if self.problem.kind.integer else arith.addf

        def wait(number: Word, _: Sequence[ir.Value]) -> Sequence[ir.Value]:
            gm.wait_for_flag(self._flag(number))
            gm.lower_flag(self._flag(number))
            return []

        def share(number: Word, totals: Sequence[ir.Value]) -> Sequence[ir.Value]:
            made: list[ir.Value] = []
            for start in range(0, len(totals), _ON_THEIR_WAY):
                own, more = totals[start : start + _ON_THEIR_WAY], []
                for place in range(start, start + len(own), _TOGETHER):
                    more += gm.load_global(self._place(number, place), _TOGETHER, self._kind, word(0).is_equal(0))
                made += [plus(total, other) for total, other in zip(own, more, strict=True)]
            return made

        loop(first + self.lane, behind, WARPGROUP, [], wait)  # a thread for each flag
        isa.sync_threads(self.group + 1, WARPGROUP)
        return loop(first, behind, 1, sums, share)

    @property
    def _kind(self) -> ir.Type:
        return self.problem.kind.sum

    def _place(self, share: Word, number: int) -> ir.Value:
        """Where this thread's sums from ``number`` on lie; threads lie beside each other."""
        size = self.schedule.sums_of_group * 4
        base = _address(self.sums)
        offset = self.lane * (4 * _TOGETHER) + number * 4 * WARPGROUP
        return gm.at(base, self._number(share), word(size), offset)

    def _flag(self, share: Word) -> ir.Value:
        return gm.at(_address(self.flags), self._number(share), word(_FLAG_BYTES), word(0))

    def _number(self, share: Word) -> Word:
        """Of this warpgroup in a share."""
        return (share * self.schedule.cluster + self.rank) * self.schedule.consumers + self.group


def _address(pointer: ir.Value) -> ir.Value:
    return llvm.ptrtoint(ir.IntegerType.get_signless(64), pointer)
