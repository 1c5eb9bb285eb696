"""What every component provides. Nothing here imports MLIR or CIRCT: a design crosses processes as plain data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit
from stepwell.support.fixed_point import Format

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Floats:
    """How the integers of a port stand for floats outside: numbers of ``kind``; an input says how it is quantised."""

    kind: Format
    rounding: str = ""
    overflow: str = ""


@dataclass(frozen=True)
class Port:
    """A stream where it enters or leaves: elements of ``bits`` bits, ``beat`` at once, frames of ``shape``.

    ``floats``: what its integers mean to those who call the hardware with floats; None where they are integers.
    """

    name: str
    bits: int
    beat: int
    shape: tuple[int, ...]
    floats: Floats | None = None

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


@dataclass(frozen=True)
class Component(ABC):
    """A node of the dataflow graph: one stream out.

    The circuit's inputs are, in this order, ``P_data, P_valid`` for each input called ``P``, then ``out_ready``; its
    outputs ``P_ready`` for each, then ``out_data, out_valid``. A beat moves at a clock edge where valid and ready hold;
    valid never waits for ready, and data stay until they were taken.

    Attributes:
        name: of the hardware module and its instance.
        sources: the input or component whose stream each of its inputs reads.
        location: where in the model it comes from.
    """

    kind: ClassVar[str]

    name: str
    sources: tuple[str, ...]
    location: str
    inputs: tuple[Port, ...]
    output: Port

    @property
    def input(self) -> Port:
        """The only input."""
        (port,) = self.inputs
        return port

    @abstractmethod
    def circuit(self) -> Circuit:
        """The hardware module."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """Names of the weights that it holds."""

    @abstractmethod
    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        """Contents of its initialised memories: file name -> words in hexadecimal."""

    @abstractmethod
    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> Array:
        """What the hardware computes, bit for bit: a frame of each input in, a frame out, all signed integers."""

    @property
    @abstractmethod
    def multipliers(self) -> int:
        """Multipliers that work at once."""

    @property
    @abstractmethod
    def cycles(self) -> int:
        """Cycles that a frame takes at least."""
