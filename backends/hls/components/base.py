"""What every component provides. Nothing here imports MLIR or CIRCT: a design crosses processes as plain data."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.schedule import Schedule, Stage, evenly
from stepwell.support import scales
from stepwell.support.fixed_point import Format, dequantize, quantize
from stepwell.support.orders import CHANNELS_LAST, ROW_MAJOR
from stepwell.support.widths import Range

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Floats:
    """How the integers of a port stand for floats outside: numbers of ``kind``; an input says how it is quantised."""

    kind: Format
    rounding: str = ""
    overflow: str = ""

    def integers(self, values: Array) -> Array:
        """Floats as the numbers of an input."""
        return quantize(values, self.kind, self.rounding, self.overflow)

    def floats(self, integers: Array) -> Array:
        """The numbers of a result as f32."""
        return dequantize(integers, self.kind.frac, np.float32)


@dataclass(frozen=True)
class ScaledFloats:
    """How the integers of a port stand for floats outside under a scale; an input says how it is quantised."""

    step: float
    way: str = "divide"
    ends: Range = (0, 0)

    def integers(self, values: Array) -> Array:
        """Floats as the integers of an input."""
        return scales.quantize(values, scales.Scale(self.step, self.way, self.ends))

    def floats(self, integers: Array) -> Array:
        """The integers of a result as f32."""
        return scales.dequantize(integers, self.step)


@dataclass(frozen=True)
class Port:
    """A stream where it enters or leaves: elements of ``bits`` bits, ``beat`` at once, frames of ``shape``.

    ``floats``: what its integers mean to those who call the hardware with floats; None where they are integers.
    ``order``: in which the elements come, ``row-major`` or ``channels-last``.
    """

    name: str
    bits: int
    beat: int
    shape: tuple[int, ...]
    floats: Floats | ScaledFloats | None = None
    order: str = ROW_MAJOR

    @property
    def width(self) -> int:
        """Bits of a beat; the first element stands in the lowest."""
        return self.bits * self.beat

    @property
    def bytes(self) -> int:
        """Bytes that hold a beat, as AXI4-Stream wants them; what is left over is zero."""
        return -(-self.width // 8)

    @property
    def beats(self) -> int:
        """Beats of one frame."""
        return int(np.prod(self.shape)) // self.beat

    @property
    def innermost(self) -> int:
        """The size of the dimension whose elements follow each other: beats divide it."""
        return self.shape[1] if self.order == CHANNELS_LAST else self.shape[-1]

    def cut(self, beat: int) -> Port:
        """The same in beats of ``beat`` elements."""
        return replace(self, beat=beat)

    def arriving(self, frames: Array) -> Array:
        """Frames (..., *shape) with their dimensions in the order in which the elements come."""
        return np.moveaxis(frames, 1 - len(self.shape), -1) if self.order == CHANNELS_LAST else frames

    def restored(self, elements: Array) -> Array:
        """Elements as they came, as an array (frames, *shape)."""
        if self.order != CHANNELS_LAST:
            return elements.reshape(-1, *self.shape)
        batch, channels, *sizes = self.shape
        return np.moveaxis(elements.reshape(-1, batch, *sizes, channels), -1, 2)


@dataclass(frozen=True)
class Component(ABC):
    """A node of the dataflow graph; fields beside those below have the names and values of the operation's attributes.

    The circuit's inputs are, in this order, ``P_data, P_valid`` for each input called ``P``, then ``Q_ready`` for each
    output called ``Q``; its outputs ``P_ready`` for each input, then ``Q_data, Q_valid``. A beat moves at a clock edge
    where valid and ready hold; valid never waits for ready, and data stay until they were taken.

    Attributes:
        kind: its operation is ``stream.KIND``.
        reads: names of its inputs; by default one. Where their number differs, ``input_names`` says them.
        writes: names of its outputs; by default one. Where their number differs, ``output_names`` says them.
        wiring: whether it computes nothing and only joins others, so that it follows from their parallelism.
        name: of the hardware module and its instance.
        sources: the stream that each of its inputs reads: an input of the design, or one of some ``streams``.
        location: where in the model it comes from.
    """

    kind: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ("in",)
    writes: ClassVar[tuple[str, ...]] = ("out",)
    wiring: ClassVar[bool] = False

    name: str
    sources: tuple[str, ...]
    location: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def input(self) -> Port:
        """The only input."""
        (port,) = self.inputs
        return port

    @property
    def output(self) -> Port:
        """The only output."""
        (port,) = self.outputs
        return port

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of what it sends: its own where there is one output, else with the output's behind a point."""
        if len(self.outputs) == 1:
            return (self.name,)
        return tuple(f"{self.name}.{port.name}" for port in self.outputs)

    @classmethod
    def input_names(cls, count: int) -> tuple[str, ...]:
        """Names of ``count`` inputs."""
        return cls.reads

    @classmethod
    def output_names(cls, count: int) -> tuple[str, ...]:
        """Names of ``count`` outputs."""
        return cls.writes

    @abstractmethod
    def circuit(self) -> Circuit:
        """The hardware module."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the weights that it holds; none by default."""
        return ()

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        """Contents of its initialised memories: file name -> words in hexadecimal; none by default."""
        return {}

    @abstractmethod
    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        """What the hardware computes, bit for bit: a frame of each input in and of each output out, signed integers."""

    @property
    def multipliers(self) -> int:
        """Multipliers that work at once; none by default."""
        return 0

    @property
    def cycles(self) -> int:
        """Cycles that a frame takes at least; by default the beats of the stream that has most."""
        return max(port.beats for port in (*self.inputs, *self.outputs))

    @property
    def parallelism(self) -> tuple[int, ...]:
        """How much it does at once, as users set it; by default the elements of a beat."""
        return (self.outputs[0].beat,)

    def choices(self) -> Sequence[tuple[int, ...]]:
        """Every parallelism that it could have; by default what divides the innermost sizes of all streams."""
        sizes = [port.innermost for port in (*self.inputs, *self.outputs)]
        return [(factor,) for factor in divisors(math.gcd(*sizes))]

    def spread(self, parallelism: tuple[int, ...]) -> Self:
        """The same with one of the ``choices``; by default all streams come in such beats."""
        (beat,) = parallelism
        inputs, outputs = (tuple(port.cut(beat) for port in ports) for ports in (self.inputs, self.outputs))
        return replace(self, inputs=inputs, outputs=outputs)

    def block(self, columns: int, depth: int) -> tuple[int, ...]:
        """The most that each number of ``parallelism`` may be for blocks of so many columns of the result, made of so
        many products or taps each; 0 where it stays. By default elements of a beat are columns.
        """
        return (columns,)

    @property
    def latency(self) -> int:
        """Cycles from taking a beat until what it makes is offered: registers on the way; 2 by default."""
        return 2

    def schedule(self) -> Schedule:
        """When beats move. By default those of each stream spread evenly over a frame's cycles, an output coming as
        soon as its share of the inputs is there: right for what goes through elements in their order. Whatever waits
        for more, or reads in bursts, must say so: FIFOs are made by it, and one that is too shallow is a deadlock.
        """
        come, go = ([port.beats for port in ports] for ports in (self.inputs, self.outputs))
        return evenly(self.cycles, come, go, self.latency)

    def stages(self) -> tuple[Stage, ...]:
        """Its parts that move by themselves; by default it moves as a whole."""
        return (Stage(tuple(range(len(self.inputs))), tuple(range(len(self.outputs))), self.schedule()),)


def divisors(size: int) -> list[int]:
    """All of them, in order."""
    return [factor for factor in range(1, size + 1) if size % factor == 0]
