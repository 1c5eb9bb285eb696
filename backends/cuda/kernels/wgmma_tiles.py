"""Which tiles a block works on, and which steps of their depth.

Where the depth is split each cluster takes one tile, and its blocks parts of the depth. Else persistent blocks take
tiles in turn. Where they do so by streams (Osama et al., Stream-K, 2023), the tiles that would leave a last turn in
part are laid behind each other, step by step, and all blocks or clusters take equal shares of that line, whole tiles
after it.

The first block takes the last share: one that has the beginning of a tile waits only for blocks that were launched
before it, and those work on their part of that tile first of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch_mlir import ir

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import loop
from stepwell.backends.cuda.kernels.raster import raster
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.wgmma_store import Tile
from stepwell.backends.cuda.kernels.word import Word, select, word
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index


@dataclass(frozen=True)
class Part:
    """Some steps of the depth of a tile.

    Attributes:
        first, steps: the number of the first one, and how many there are.
        share: the block's own share of the line of steps, by number.
        behind: the number of the share that follows the last one which has a part of this tile.
    """

    at: Tile
    first: Word
    steps: Word
    share: Word
    behind: Word


@dataclass(frozen=True)
class Line:
    """Steps of tiles laid behind each other, in a share for each block or cluster.

    The first ``longer`` shares have ``size + 1`` steps, the others ``size``.

    Attributes:
        tiles: how many, from the first one on.
    """

    tiles: Word
    size: Word
    longer: Word

    def begin(self, number: Word) -> Word:
        """The first step of a share."""
        return number * self.size + number.minimum(self.longer)

    def share_at(self, step: Word) -> Word:
        """The number of the first share that begins at ``step`` or behind it, up to how many there are."""
        edge = self.longer * (self.size + 1)
        late = self.longer + (step - edge + (self.size.maximum(1) - 1)) // self.size.maximum(1)
        return select(step.is_less(edge), (step + self.size) // (self.size + 1), late)


def share_out(tiles: Index, steps: Index, shares: int) -> tuple[Index, Index, Index]:
    """What a ``Line`` is made of: the tiles that would leave a last turn in part, and one turn before.

    Args:
        tiles: of a block, or of a cluster.
        steps: of a tile.
        shares: one for each block or cluster.
    """
    rest = ix.remainder(tiles, shares)
    before = ix.multiply(ix.minimum(rest, 1), ix.minimum(ix.divide(tiles, shares), 1))
    shared = ix.add(rest, ix.multiply(before, shares))  # longer shares, fewer of them for a tile
    length = ix.multiply(shared, steps)
    return shared, ix.divide(length, shares), ix.remainder(length, shares)


Body: TypeAlias = Callable[[Part, Sequence[ir.Value]], Sequence[ir.Value]]
"""Builds the work on a part; from what the block carries to what it carries on."""


@dataclass(frozen=True)
class Tiles:
    """The tiles of a block.

    Attributes:
        m, n, batch: sizes of the result.
        steps: of a tile's depth.
        rank: of the block in its cluster.
        line: where blocks stream, what they share.
    """

    problem: WgmmaProblem
    schedule: WgmmaSchedule
    m: Word
    n: Word
    batch: Word
    steps: Word
    rank: Word
    line: Line | None = None

    def walk(self, carried: Sequence[ir.Value], body: Body) -> None:
        """Build the work on all parts that are this block's."""
        if self.schedule.split > 1:
            self._split(carried, body)
        elif self.schedule.stream:
            self._stream(carried, body)
        else:
            self._turns(carried, body)

    @property
    def _down(self) -> Word:
        high = self.schedule.rows * self.schedule.cluster
        return (self.m + (high - 1)) // high

    @property
    def _across(self) -> Word:
        return (self.n + (self.schedule.columns - 1)) // self.schedule.columns

    def _tile(self, number: Word) -> Tile:
        s = self.schedule
        batch, vertical, horizontal = raster(number, self._down, self._across, s.group)
        below = self.rank if s.cluster > 1 else word(0)
        return Tile(batch, (vertical * s.cluster + below) * s.rows, horizontal * s.columns)

    def _split(self, carried: Sequence[ir.Value], body: Body) -> None:
        """At least one step, which lies behind the edge where there is nothing to add."""
        split = self.schedule.split
        share = (self.steps + (split - 1)) // split
        first = self.rank * share
        left = select(first.is_less(self.steps), self.steps - first, 1)
        body(Part(self._tile(isa.block() // split), first, share.minimum(left), word(0), word(0)), carried)

    def _turns(self, carried: Sequence[ir.Value], body: Body) -> None:
        start, step = isa.block(), isa.blocks()
        if self.schedule.cluster > 1:
            start, step = start // self.schedule.cluster, step // self.schedule.cluster

        def tile(number: Word, values: Sequence[ir.Value]) -> Sequence[ir.Value]:
            return body(Part(self._tile(number), word(0), self.steps, word(0), word(0)), values)

        loop(start, self._down * self._across * self.batch, step, carried, tile)

    def _stream(self, carried: Sequence[ir.Value], body: Body) -> None:
        assert self.line is not None
        cluster, steps, line = self.schedule.cluster, self.steps, self.line
        shares = isa.blocks() // cluster
        own = shares - 1 - isa.block() // cluster
        tiles = self._down * self._across * self.batch
        shared = line.tiles
        first, end = line.begin(own), line.begin(own + 1)
        first_tile = first // steps
        parts = select(first.is_less(end), (end + (steps - 1)) // steps - first_tile, 0)

        def part(number: Word, values: Sequence[ir.Value]) -> Sequence[ir.Value]:
            streamed = number.is_less(parts)
            tile = select(streamed, first_tile + number, shared + (number - parts) * shares + own)
            begin = tile * steps
            low = select(streamed, first.maximum(begin) - begin, 0)
            high = select(streamed, end.minimum(begin + steps) - begin, steps)
            behind = select(high.is_less(steps), line.share_at(begin + steps), own + 1)
            return body(Part(self._tile(tile), low, high - low, own, behind), values)

        loop(0, parts + (tiles - shared) // shares, 1, carried, part)
