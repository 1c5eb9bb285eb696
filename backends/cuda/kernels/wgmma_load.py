"""What the copy engine brings into a stage: a step of the depth of a tile's rows and columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch_mlir import ir

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.wgmma_store import Tile
from stepwell.backends.cuda.kernels.word import Word, select

Load: TypeAlias = Callable[[Word, Word, Word], None]
"""Loads a step of the depth into a stage, whose barrier counts the bytes."""


@dataclass(frozen=True)
class StageLoad:
    """The loading thread's copies.

    Attributes:
        base: of shared memory.
        left, right: the tensor maps.
        below: which of the blocks this is that lie below each other and share the right matrix.
    """

    problem: WgmmaProblem
    schedule: WgmmaSchedule
    base: Word
    left: ir.Value
    right: ir.Value
    below: Word

    def of(self, at: Tile) -> Load:
        """What loads steps of a tile."""
        return self._matrices(at) if self.problem.window is None else self._window(at)

    def _matrices(self, at: Tile) -> Load:
        def load(step: Word, stage: Word, full: Word) -> None:
            depth = step * self.problem.depth
            self._left(at, depth, stage, full)
            self._right(at, depth, at.batch, stage, full)

        return load

    def _window(self, at: Tile) -> Load:
        """Pixels at the tap of a step, and its part of the matrix of that tap."""
        p, s, window = self.problem, self.schedule, self.problem.window
        assert window is not None
        image, y, x = window.pixel(at.row)

        def load(step: Word, stage: Word, full: Word) -> None:
            tap, channel = step // p.parts_of_tap, step % p.parts_of_tap * p.depth
            if s.split > 1:  # behind the last step there is nothing
                channel = select(step.is_less(window.taps * p.parts_of_tap), channel, window.channels)
            down, across = window.tap(tap)
            place = self.base + stage * s.left_bytes
            isa.copy_pixels_in(place, self.left, [channel, x, y, image], [across, down], full)
            self._right(at, channel, tap, stage, full)

        return load

    def _left(self, at: Tile, depth: Word, stage: Word, full: Word) -> None:
        s = self.schedule
        place = self.base + stage * s.left_bytes
        if not self.problem.left_transposed:
            isa.copy_in(place, self.left, [depth, at.row, at.batch], full)
            return
        for part in range(s.rows // 64):
            isa.copy_in(place + part * 64 * ROW_BYTES, self.left, [at.row + part * 64, depth, at.batch], full)

    def _right(self, at: Tile, depth: Word, matrix: Word, stage: Word, full: Word) -> None:
        s = self.schedule
        share = s.right_box(self.problem)
        blocks = (1 << s.cluster) - 1 if s.cluster > 1 else None
        first = self.below * share
        place = self.base + (s.stages * s.left_bytes) + stage * s.right_bytes + first * ROW_BYTES
        if self.problem.right_transposed:
            isa.copy_in(place, self.right, [depth, at.column + first, matrix], full, blocks)
            return
        for part in range(s.columns // 64):
            coordinates = [at.column + part * 64, depth + first, matrix]
            isa.copy_in(place + part * 64 * ROW_BYTES, self.right, coordinates, full, blocks)
