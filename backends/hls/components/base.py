"""What every component provides. Nothing here imports MLIR or CIRCT: a design crosses processes as plain data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Port:
    """A stream where it enters or leaves: elements of ``bits`` bits, ``beat`` at once, frames of ``shape``."""

    name: str
    bits: int
    beat: int
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """Bits of a beat; the first element stands in the lowest."""
        return self.bits * self.beat

    @property
    def beats(self) -> int:
        """Beats of one frame."""
        return int(np.prod(self.shape)) // self.beat


@dataclass(frozen=True)
class Component(ABC):
    """A node of the dataflow graph: one stream in, one out.

    The circuit's ports are ``in_data, in_valid, in_ready, out_data, out_valid, out_ready``: a beat moves at a clock
    edge where valid and ready hold; valid never waits for ready, and data stay until they were taken.

    Attributes:
        name: of the hardware module and its instance.
        source: the input or component whose stream it reads.
        location: where in the model it comes from.
    """

    kind: ClassVar[str]

    name: str
    source: str
    location: str
    input: Port
    output: Port

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
    def reference(self, frame: Array, parameters: Mapping[str, Array]) -> Array:
        """What the hardware computes, bit for bit: a frame in, a frame out, both signed integers."""

    @property
    @abstractmethod
    def multipliers(self) -> int:
        """Multipliers that work at once."""

    @property
    @abstractmethod
    def cycles(self) -> int:
        """Cycles that a frame takes at least."""
