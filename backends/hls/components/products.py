"""Rows times a matrix: what linear layers and products of two streams share; the circuit is in ``product_circuit``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from stepwell.backends.hls.components.base import Array, divisors
from stepwell.backends.hls.components.pipelined import Pipelined, held_levels
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.support.widths import Range, signed_range


@dataclass(frozen=True)
class Products(Pipelined):
    """``out[n] = cast(clamp(round((start[n] + sum_k in[k] * matrix[k, n]) >> shift)))`` for every row.

    The first input has the rows. ``unroll``: elements of a row, and columns that they meet, in every cycle. A row is
    read once and kept for the other columns; the next row comes in while the last columns of this one are computed.
    """

    inner: int
    outer: int
    unroll: tuple[int, int]
    accumulator: int
    shift: int
    rounding: str
    clamp: Range

    @property
    def levels(self) -> int:
        """Of the tree that adds up products of one beat."""
        return (self.unroll[0] - 1).bit_length()

    @property
    def places(self) -> Sequence[str]:
        trees = ["tree"] * (self.levels - 1)
        if self.rescale.keeps(signed_range(self.accumulator)):
            return trees
        # Rounding and clamp take as long as about three levels.
        before = max(0, self.levels - 1) // 3
        return [*trees[:before], "rounding", *trees[before:]]

    @property
    def held_levels(self) -> list[int]:
        """Behind so many levels of the tree there is one of ``registers``."""
        return held_levels(self.levels, self.taken("tree"))

    @property
    def parallelism(self) -> tuple[int, ...]:
        return self.unroll

    def choices(self) -> Sequence[tuple[int, ...]]:
        return list(itertools.product(divisors(self.inner), divisors(self.outer)))

    def spread(self, parallelism: tuple[int, ...]) -> Self:
        by_input, by_output = parallelism
        rows, *others = self.inputs
        lanes = self.output.beat // self.unroll[1]
        inputs, outputs = (rows.cut(lanes * by_input), *others), (self.output.cut(lanes * by_output),)
        made = replace(self, unroll=(by_input, by_output), inputs=inputs, outputs=outputs)
        return replace(made, registers=min(made.registers, made.most_registers))

    def block(self, columns: int, depth: int) -> tuple[int, ...]:
        return depth, columns

    @property
    def row_beats(self) -> int:
        """Beats of an input row."""
        return self.inner // self.unroll[0]

    @property
    def column_groups(self) -> int:
        """Beats of an output row."""
        return self.outer // self.unroll[1]

    @property
    def rescale(self) -> Rescale:
        """What happens to the sums."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def multipliers(self) -> int:
        return self.unroll[0] * self.output.beat

    @property
    def cycles(self) -> int:
        return self.inputs[0].beats * self.column_groups

    @property
    def in_block_ram(self) -> bool:
        """Whether the matrix is in block RAM."""
        return False

    @property
    def fetching(self) -> int:
        """Registers of operands: a second one behind block RAM, which is slow."""
        return 2 if self.in_block_ram else 1

    @property
    def latency(self) -> int:
        """Registers between a row's last beat and its first result: operands, products, sum, accumulator, result."""
        return self.fetching + 4 + self.registers

    def steps_of_rows(self) -> tuple[Array, Array]:
        """The step in which each beat of rows is taken, and the one that makes each beat of results."""
        beats, groups = self.row_beats, self.column_groups
        rows = np.arange(self.inputs[0].beats // beats)[:, np.newaxis] * beats * groups
        return (rows + np.arange(beats)).ravel(), (rows + np.arange(1, groups + 1) * beats - 1).ravel()
