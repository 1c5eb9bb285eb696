"""loops: any nest of loops over integers, as a pipeline between memories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, Self

import numpy as np

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.components.pipelined import Pipelined
from stepwell.backends.hls.components.schedule import Schedule
from stepwell.backends.hls.loops.frames import LoopsCircuit
from stepwell.support.fixed_point import Format
from stepwell.support.loops.evaluate import run
from stepwell.support.loops.nest import Memory, Program
from stepwell.support.loops.sequence import cycles


@dataclass(frozen=True)
class Loops(Pipelined):
    """Frames arrive in memories, the nests of ``program`` run on them one after the other, memories leave; see
    ``stream.loops``. Inputs and outputs are the program's in their order.

    Streamed memories have two halves, so that a frame arrives and another leaves while one is worked on. Work on a
    frame starts when all of it is there and a half for its result is free; from then on nothing waits.
    """

    kind: ClassVar[str] = "loops"

    program: Program

    @property
    def places(self) -> Sequence[str]:
        return ("counters",)

    @property
    def pipelined(self) -> Program:
        """The program whose iterations do nothing in their first cycles, in which registers take the counters' ends."""
        nests = tuple(
            replace(nest, operations=tuple(replace(op, cycle=op.cycle + self.registers) for op in nest.operations))
            for nest in self.program.nests
        )
        return replace(self.program, nests=nests)

    def __post_init__(self) -> None:
        if isinstance(self.program, dict):  # from JSON
            object.__setattr__(self, "program", Program.from_data(self.program))

    @classmethod
    def input_names(cls, count: int) -> tuple[str, ...]:
        return tuple(f"in{n}" for n in range(count))

    @classmethod
    def output_names(cls, count: int) -> tuple[str, ...]:
        return tuple(f"out{n}" for n in range(count))

    def choices(self) -> Sequence[tuple[int, ...]]:
        return [self.parallelism]  # nests are unrolled before they become hardware

    def spread(self, parallelism: tuple[int, ...]) -> Self:
        return self

    @property
    def multipliers(self) -> int:
        return sum(op.kind == "muli" for nest in self.program.nests for op in nest.operations)

    @property
    def cycles(self) -> int:
        return max(cycles(self.program), *(port.beats for port in (*self.inputs, *self.outputs)))

    @property
    def latency(self) -> int:
        """From a frame's first beat: until all are there, the nests are done, and one has come out of its memory."""
        arriving = max(port.beats for port in self.inputs)
        return arriving + cycles(self.program) + max(nest.depth for nest in self.pipelined.nests) + 4

    def schedule(self) -> Schedule:
        """A frame comes at once, and leaves at once when it is done."""
        beats = [tuple(np.arange(port.beats) for port in ports) for ports in (self.inputs, self.outputs)]
        return Schedule(self.cycles, beats[0], beats[0], beats[1], self.latency)

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(m.name for m in self.program.role("parameter"))

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        files = {}
        for number, memory in enumerate(self.program.memories):
            if memory.role == "parameter" or memory.contents:
                values = parameters[memory.name] if memory.role == "parameter" else np.array(memory.contents)
                for bank, words in enumerate(_banks(memory, values)):
                    digits, mask = -(-memory.bits // 4), (1 << memory.bits) - 1
                    files[f"{self.name}_m{number}_{bank}.mem"] = [f"{int(w) & mask:0{digits}x}" for w in words]
        return files

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        inputs = (m.name for m in self.program.role("input"))
        given = dict(zip(inputs, frames, strict=True)) | {name: parameters[name] for name in self.parameters}
        results = run(self.program, given)
        outputs = zip(self.program.role("output"), self.outputs, strict=True)
        return tuple(results[m.name].astype(Format(port.bits).dtype).reshape(port.shape) for m, port in outputs)

    def circuit(self) -> Circuit:
        return LoopsCircuit(self.name, self.pipelined, [port.bits for port in self.outputs]).build()


def _banks(memory: Memory, values: Array) -> list[list[Any]]:
    """The words of each bank."""
    parts = values.reshape(memory.split_sizes)
    words = np.empty((memory.banks, memory.depth), values.dtype)
    for place in product(*(range(size) for size in memory.split_sizes)):
        bank = sum(i * stride for i, stride in zip(place, memory.bank_strides, strict=True))
        word = sum(i * stride for i, stride in zip(place, memory.word_strides, strict=True))
        words[bank, word] = parts[place]
    return [list(row) for row in words]
