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
class Arguments:
    """Of a kernel, as `build_attention` describes them."""

    query_map: ir.Value
    key_map: ir.Value
    value_map: ir.Value
    result_map: ir.Value
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
        return [ir.Type.parse("!llvm.ptr")] * 4 + [ir.IntegerType.get_signless(32)] * 7 + [ir.F32Type.get()]

    @staticmethod
    def of(values: Values) -> Arguments:
        """From the arguments of the kernel's function."""
        return Arguments(*values[:4], *(Word(value) for value in values[4:11]), Real(values[11]))


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

    def __init__(self, problem: AttentionProblem, schedule: AttentionSchedule, arguments: Arguments) -> None:
        self.problem, self.schedule, self.arguments = problem, schedule, arguments
        self._down = (arguments.queries + (schedule.queries - 1)) // schedule.queries

    def walk(self, phase: int, body: Callable[[Tile, Place, Place], Place]) -> None:
        """A loop; ``body`` gets where queries and keys are, and gives where keys go on.

        Args:
            phase: the parity of the phase that barriers are in at first, for who waits at them.
        """
        blocks, block = isa.blocks(), isa.block()
        total = self.arguments.heads * self.arguments.batch * self._down

        def place(turn: Word) -> Word:
            return select((turn & 1).is_equal(0), block, blocks - 1 - block)

        def turn(number: Word, values: Values) -> Values:
            queries, keys = Place.of(values[:2]), Place.of(values[2:])
            keys = body(self._tile(number * blocks + place(number)), queries, keys)
            return [*queries.next(self.schedule.query_stages).values(), *keys.values()]

        whole, rest = total // blocks, total % blocks
        count = whole + select(place(whole).is_less(rest), 1, 0)
        start = Place(word(0), word(phase)).values()
        loop(0, count, 1, [*start, *start], turn)

    def _tile(self, number: Word) -> Tile:
        s, a = self.schedule, self.arguments
        band = number // (self._down * a.together)
        first = band * a.together
        size = (a.heads * a.batch - first).minimum(a.together)
        inner = number - first * self._down
        plane = first + inner % size
        row = (self._down - 1 - inner // size) * s.queries
        seen = a.keys
        if self.problem.causal:
            seen = (row + a.diagonal + s.queries).between(0, a.keys)
        # Where no key is seen one block, all masked, makes the results zero.
        blocks = ((seen + (s.keys - 1)) // s.keys).maximum(1)
        head = plane % a.heads
        return Tile(row, blocks, head, head // a.sharing, plane // a.heads)


def set_up(rings: Rings, readers: int, maps: Values) -> None:
    """What a block does before its warpgroups part."""

    def first() -> None:
        rings.set_up(readers)
        for tensor_map in maps:
            isa.prefetch_map(tensor_map)

    when(isa.thread().is_equal(0), first)
    isa.sync_block()
