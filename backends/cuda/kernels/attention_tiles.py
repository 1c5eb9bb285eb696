"""What the warpgroups of an attention kernel share: its arguments, the walk over tiles, rings and their barriers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.attention_schedule import AttentionProblem, AttentionSchedule, Layout
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.real import Real
from stepwell.backends.cuda.kernels.word import Word, select, word

Values = Sequence[ir.Value]


@dataclass(frozen=True)
class Sizes:
    """What all attention kernels are told.

    Attributes:
        queries, keys: of a head.
        heads: of queries.
        sharing: how many of them have the same keys.
        together: planes (heads of a batch) that are worked on at a time.
        diagonal: query i sees keys up to i + diagonal (signed), if causal.
        scale: of scores, positive.
    """

    queries: Word
    keys: Word
    heads: Word
    batch: Word
    sharing: Word
    together: Word
    diagonal: Word
    scale: Real

    @staticmethod
    def types() -> list[ir.Type]:
        """Of the values that `of` takes."""
        return [ir.IntegerType.get_signless(32)] * 7 + [ir.F32Type.get()]

    @staticmethod
    def of(values: Values) -> Sizes:
        """From arguments of the kernel's function."""
        *numbers, scale = values
        queries, keys, heads, batch, sharing, together, diagonal = map(Word, numbers)
        return Sizes(queries, keys, heads, batch, sharing, together, diagonal, Real(scale))

    def tiles_of_plane(self, queries: int) -> Word:
        """How many tiles of ``queries`` a plane has."""
        return (self.queries + (queries - 1)) // queries

    def tile(self, number: Word, queries: int, keys: int, *, causal: bool) -> Tile:
        """A tile of ``queries`` that sees blocks of ``keys``; those with most of them come first."""
        down = self.tiles_of_plane(queries)
        band = number // (down * self.together)
        first = band * self.together
        size = (self.heads * self.batch - first).minimum(self.together)
        inner = number - first * down
        plane = first + inner % size
        row = (down - 1 - inner // size) * queries
        seen = self.keys
        if causal:
            seen = (row + self.diagonal + queries).between(0, self.keys)
        # Where no key is seen one block, all masked, makes the results zero.
        blocks = ((seen + (keys - 1)) // keys).maximum(1)
        head = plane % self.heads
        return Tile(row, blocks, head, head // self.sharing, plane // self.heads)

    def limit(self, query: Word, *, causal: bool) -> Word:
        """How many keys a query sees."""
        return (query + self.diagonal + 1).between(0, self.keys) if causal else self.keys


@dataclass(frozen=True)
class Maps:
    """Tensor maps of queries, keys, values and results."""

    queries: ir.Value
    keys: ir.Value
    values: ir.Value
    results: ir.Value


@dataclass(frozen=True)
class Tile:
    """Queries of one head: the first one, how many blocks of keys they see, and whose keys these are."""

    row: Word
    blocks: Word
    head: Word
    key_head: Word
    batch: Word


@dataclass(frozen=True)
class Place:
    """A stage of a ring, and the parity of the phase that its barriers are in."""

    stage: Word
    parity: Word

    def next(self, stages: int) -> Place:
        """The one behind it in a ring of ``stages``."""
        following = self.stage + 1
        wrapped = following.is_equal(stages)
        return Place(select(wrapped, 0, following), select(wrapped, self.parity ^ 1, self.parity))

    def values(self) -> list[ir.Value]:
        """What a loop carries."""
        return [self.stage.value, self.parity.value]

    @staticmethod
    def of(values: Values) -> Place:
        """From what a loop carried."""
        stage, parity = values
        return Place(Word(stage), Word(parity))


@dataclass(frozen=True)
class Ring:
    """Tiles in shared memory, each with a barrier for "it is there" and one for "it was read".

    Attributes:
        tiles, barriers: where they begin.
        tile_bytes: of a tile.
    """

    tiles: Word
    tile_bytes: int
    barriers: Word
    stages: int

    def tile(self, place: Place) -> Word:
        """The address of a tile."""
        return self.tiles + place.stage * self.tile_bytes

    def full(self, stage: Word) -> Word:
        """The barrier at which the copy engine arrives."""
        return self.barriers + stage * 8

    def empty(self, stage: Word) -> Word:
        """The barrier at which those who read arrive."""
        return self.barriers + self.stages * 8 + stage * 8

    def wait_full(self, place: Place) -> None:
        """Wait until the tile is there."""
        isa.barrier_wait(self.full(place.stage), place.parity)

    def wait_empty(self, place: Place) -> None:
        """Wait until all have read the tile that was there."""
        isa.barrier_wait(self.empty(place.stage), place.parity)

    def set_up(self, readers: int) -> None:
        """Set up the barriers, for one that fills and ``readers`` that read."""
        for stage in map(word, range(self.stages)):
            isa.barrier_init(self.full(stage), 1)
            isa.barrier_init(self.empty(stage), readers)


class Rings:
    """The rings of a block's shared memory."""

    def __init__(self, base: Word, layout: Layout) -> None:
        s = layout.schedule
        barriers = base + layout.barriers
        self.queries = Ring(base, layout.query_bytes, barriers, s.query_stages)
        barriers = barriers + 2 * 8 * s.query_stages
        self.keys = Ring(base + layout.keys, layout.tile_bytes, barriers, s.stages)
        barriers = barriers + 2 * 8 * s.stages
        self.values = Ring(base + layout.values, layout.tile_bytes, barriers, s.stages)

    def set_up(self, readers: int) -> None:
        """Set up all barriers, in one thread."""
        for ring in (self.queries, self.keys, self.values):
            ring.set_up(readers)
        isa.fence_barrier_init()


class Tiles:
    """The walk of a block over its tiles: blocks take them in turn, to and fro, since later ones have fewer keys."""

    def __init__(self, problem: AttentionProblem, schedule: AttentionSchedule, sizes: Sizes) -> None:
        self.problem, self.schedule, self.sizes = problem, schedule, sizes

    def walk(self, phase: int, body: Callable[[Tile, Place, Place], Place]) -> None:
        """A loop; ``body`` gets where queries and keys are, and gives where keys go on.

        Args:
            phase: the parity of the phase that barriers are in at first, for who waits at them.
        """
        blocks, block = isa.blocks(), isa.block()
        s = self.schedule
        total = self.sizes.heads * self.sizes.batch * self.sizes.tiles_of_plane(s.queries)

        def place(turn: Word) -> Word:
            return select((turn & 1).is_equal(0), block, blocks - 1 - block)

        def turn(number: Word, values: Values) -> Values:
            queries, keys = Place.of(values[:2]), Place.of(values[2:])
            tile = number * blocks + place(number)
            keys = body(self.sizes.tile(tile, s.queries, s.keys, causal=self.problem.causal), queries, keys)
            return [*queries.next(s.query_stages).values(), *keys.values()]

        whole, rest = total // blocks, total % blocks
        count = whole + select(place(whole).is_less(rest), 1, 0)
        start = Place(word(0), word(phase)).values()
        loop(0, count, 1, [*start, *start], turn)


def set_up(rings: Rings, readers: int, maps: Maps) -> None:
    """What a block does before its warpgroups part."""

    def first() -> None:
        rings.set_up(readers)
        for tensor_map in (maps.queries, maps.keys, maps.values, maps.results):
            isa.prefetch_map(tensor_map)

    when(isa.thread().is_equal(0), first)
    isa.sync_block()
