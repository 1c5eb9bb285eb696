"""linear: rows times a weight matrix that stays in the hardware, with bias, rounding shift, clamp and cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.components.channels import place, spread
from stepwell.backends.hls.components.product_circuit import Position, ProductCircuit
from stepwell.backends.hls.components.products import Products
from stepwell.backends.hls.components.rescale import modular, wrap
from stepwell.backends.hls.components.schedule import Schedule
from stepwell.backends.hls.components.words import word


@dataclass(frozen=True)
class Linear(Products):
    """``out[n] = cast(clamp(round((bias[n] + sum_k in[k] * weight[k, n]) >> shift)))``, see ``stream.linear``.

    ``groups`` of rows follow each other, each with ``outer`` columns of its own; ``lanes`` of them go side by side:
    a beat has ``unroll[0]`` elements of each, the first of all lanes first.
    """

    kind: ClassVar[str] = "linear"

    groups: int
    lanes: int
    weight: str
    weight_bits: int
    weight_layout: str
    bias: str

    @property
    def banks(self) -> int:
        """Rows that have different weights."""
        return self.groups // self.lanes

    @property
    def in_block_ram(self) -> bool:
        """Whether the weights are in block RAM; fewer words than a look-up table has are not worth it."""
        return self.words >= 64

    @property
    def words(self) -> int:
        """Words of weights, one for a step each."""
        return self.row_beats * self.column_groups * self.banks

    def schedule(self) -> Schedule:
        takes, sends = self.steps_of_rows()
        return Schedule(self.cycles, (takes,), (takes,), (sends,), self.latency)

    @property
    def parameters(self) -> tuple[str, ...]:
        return (self.weight, self.bias) if self.bias else (self.weight,)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        elements = modular(self.input.arriving(frames[0]))
        tiles = elements.reshape(-1, self.banks, self.inner, self.lanes)
        rows = tiles.transpose(1, 3, 0, 2).reshape(self.groups, -1, self.inner)
        columns = modular(self._matrix(parameters)).reshape(self.inner, self.groups, self.outer).transpose(1, 0, 2)
        sums = (rows @ columns).transpose(1, 0, 2).reshape(-1, self.groups * self.outer)
        if self.bias:
            sums = sums + modular(parameters[self.bias])
        return (self.output.restored(self.rescale.reference(wrap(sums, self.accumulator)))[0],)

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        groups, beats = self.column_groups, self.row_beats
        tiles = self._matrix(parameters).reshape(beats, self.unroll[0], self.banks, self.lanes, groups, self.unroll[1])
        words = tiles.transpose(2, 4, 0, 3, 5, 1).reshape(-1, self.multipliers)
        files = {f"{self.name}_weight.mem": [word(row, self.weight_bits) for row in words]}
        if self.bias:
            bias = parameters[self.bias].reshape(self.banks * groups, self.lanes * self.unroll[1])
            files[f"{self.name}_bias.mem"] = [word(row, self.accumulator) for row in bias]
        return files

    def circuit(self) -> Circuit:
        return _LinearCircuit(self).build()

    def _matrix(self, parameters: Mapping[str, Array]) -> Array:
        matrix = parameters[self.weight]
        return matrix.T if self.weight_layout == "nk" else matrix


class _LinearCircuit(ProductCircuit):
    """Weights and biases come from initialised memories."""

    def __init__(self, spec: Linear) -> None:
        super().__init__(spec, spec.weight_bits)
        self.linear = spec

    def available(self, beat: Wire | None, group: Wire | None) -> None:
        return None

    def matrix(self, position: Position) -> Wire:
        spec, c = self.linear, self.c
        address = position.beat or position.group
        if spec.banks > 1 or (position.beat and position.group):
            address, _, _ = place(c, "address", spec.words, position.step)
        width, style = spec.multipliers * spec.weight_bits, "block" if spec.in_block_ram else ""
        memory = c.memory("weight", spec.words, width, f"{spec.name}_weight.mem", style)
        return c.read(memory, spread(c, address))

    def column(self, position: Position) -> Wire | None:
        if self.linear.banks == 1:
            return position.group
        column, _, _ = place(self.c, "column", self._columns, position.beats_end)
        return column

    def starts(self, column: Wire | None) -> list[Wire]:
        spec, c = self.linear, self.c
        width, count = spec.accumulator, spec.output.beat
        if not spec.bias:
            return [c.constant(0, width)] * count
        memory = c.memory("bias", self._columns, count * width, f"{spec.name}_bias.mem")
        word = c.read(memory, spread(c, column))
        return [c.bits(word, o * width, width) for o in range(count)]

    @property
    def _columns(self) -> int:
        """Groups of columns of all rows."""
        return self.linear.banks * self.linear.column_groups
