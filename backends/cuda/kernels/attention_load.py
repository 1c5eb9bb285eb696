"""The warpgroup of an attention kernel that loads: one of its threads tells the copy engine what to bring."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.attention_schedule import PART, AttentionProblem, AttentionSchedule
from stepwell.backends.cuda.kernels.attention_tiles import Maps, Place, Ring, Rings, Tile, Tiles, Values
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES
from stepwell.backends.cuda.kernels.word import Word, word


@dataclass(frozen=True)
class Loader:
    """Builds what this warpgroup does."""

    problem: AttentionProblem
    schedule: AttentionSchedule
    maps: Maps
    rings: Rings
    tiles: Tiles

    def build(self, chosen: ir.Value) -> None:
        """All of it; ``chosen`` holds in the thread that speaks with the engine."""
        isa.registers(self.schedule.registers[0], more=False)
        when(chosen, lambda: self.tiles.walk(1, self._tile))

    def _tile(self, at: Tile, queries: Place, place: Place) -> Place:
        """In the order in which it is read: keys are one block ahead of values, the last block comes first."""
        self._load(self.rings.queries, queries, self.maps.queries, self.schedule.queries, at.row, at.head, at.batch)
        self._keys(at, at.blocks - 1, place)

        def step(done: Word, values: Values) -> Values:
            last = Place.of(values)
            place = last.next(self.schedule.stages)
            self._keys(at, at.blocks - 1 - done, place)
            self._values(at, at.blocks - done, last)
            return place.values()

        last = Place.of(loop(1, at.blocks, 1, place.values(), step))
        self._values(at, word(0), last)
        return last.next(self.schedule.stages)

    def _keys(self, at: Tile, block: Word, place: Place) -> None:
        size = self.schedule.keys
        self._load(self.rings.keys, place, self.maps.keys, size, block * size, at.key_head, at.batch)

    def _values(self, at: Tile, block: Word, place: Place) -> None:
        size = self.schedule.keys
        self._load(self.rings.values, place, self.maps.values, size, block * size, at.key_head, at.batch)

    def _load(self, ring: Ring, place: Place, source: ir.Value, rows: int, row: Word, head: Word, batch: Word) -> None:
        ring.wait_empty(place)
        full = ring.full(place.stage)
        isa.barrier_expect(full, ring.tile_bytes)
        for part in range(self.problem.parts):
            target = ring.tile(place) + part * rows * ROW_BYTES
            isa.copy_in(target, source, [word(part * PART), row, head, batch], full)
