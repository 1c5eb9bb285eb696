"""reorder: the dimensions of a frame in another order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.channels import Pipeline, entering, leave, place
from stepwell.backends.hls.components.counter import address_width
from stepwell.backends.hls.components.double_buffer import double_buffer
from stepwell.backends.hls.components.schedule import Kept, Schedule, Stage


@dataclass(frozen=True)
class Reorder(Component):
    """Dimension ``i`` of the output is dimension ``order[i]`` of the input, see ``stream.reorder``.

    Two halves of a memory hold a frame each, in words of a beat: one is written while the other is read, so a beat
    takes a cycle. Beats stay whole: the last dimension stays, or a beat is one element.
    """

    kind: ClassVar[str] = "reorder"

    order: tuple[int, ...]

    def choices(self) -> Sequence[tuple[int, ...]]:
        whole = self.order[-1] == len(self.order) - 1
        return super().choices() if whole else [(1,)]

    def stages(self) -> tuple[Stage, ...]:
        beats = self.input.beats
        each = np.arange(beats)
        last = np.full(beats, beats - 1)
        fill = Schedule(beats, (each,), (each,), (each[-1:],), 1)
        drain = Schedule(beats, (each[:1],), (each[-1:],), (each,), 1)
        return Stage((0,), ("frame",), fill, {0: Kept(2 * beats, 1, last)}), Stage(("frame",), (0,), drain)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (np.ascontiguousarray(np.transpose(frames[0], self.order)),)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        entered = entering(c, self.input)
        full, free = c.wire("full", 1), c.wire("free", 1)
        halves = double_buffer(c, "half", full, free)
        pipeline = Pipeline(c, "out", 1, halves.may_read, c.input("out_ready", 1))
        beats = self.input.beats
        c.connect(entered.ready, halves.may_fill)
        write = c.both(entered.valid, halves.may_fill)
        written, _, last = place(c, "written", beats, write)
        c.connect(full, c.both(write, last))
        step = c.both(halves.may_read, pipeline.advance)
        read, done = self._addresses(c, step)
        c.connect(free, c.both(step, done))
        bits = address_width(beats)
        memory = c.memory("frames", 2 << bits, self.input.width)
        zero = c.constant(0, bits)
        c.write(memory, c.concat([written or zero, halves.filled]), entered.data[0], write)
        data = pipeline.keep("data", c.read(memory, c.concat([read or zero, halves.read])))
        leave(c, [(self.input, entered)], self.output, data, pipeline.valid)
        return c

    def _addresses(self, c: Circuit, step: Wire) -> tuple[Wire | None, Wire]:
        """The address of every beat that leaves, and whether it is the last of a frame."""
        sizes = [*self.input.shape[:-1], self.input.shape[-1] // self.input.beat]
        strides = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
        dims = [d for d in reversed(self.order) if sizes[d] > 1]  # the innermost first
        if not dims:
            return None, c.constant(1, 1)
        bits = address_width(math.prod(sizes))
        address = c.register("address", bits)
        ended, change, back = c.constant(1, 1), c.constant(0, bits), 0
        for d in dims:
            # Where this dimension moves on, all within it go back to 0.
            change = c.choose(ended, c.constant((strides[d] - back) % (1 << bits), bits), change)
            _, _, last = place(c, f"index_{d}", sizes[d], c.both(step, ended))
            ended = c.both(ended, last)
            back += (sizes[d] - 1) * strides[d]
        change = c.choose(ended, c.constant(-back % (1 << bits), bits), change)
        c.drive(address, c.add(address, change), step)
        return address, ended
