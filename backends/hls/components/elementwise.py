"""add and multiply: two streams, element by element, then shifted, rounded, clamped and cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.pointwise import pointwise_circuit
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.support.fixed_point import whole
from stepwell.support.widths import Range


@dataclass(frozen=True)
class _Elementwise(Component):
    """``cast(clamp(round((left OP right) >> shift)))``; a register keeps what ``OP`` gives, one the results."""

    shift: int
    rounding: str
    clamp: Range

    @property
    def rescale(self) -> Rescale:
        """What happens to sums or products."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def cycles(self) -> int:
        return self.output.beats

    @property
    def parameters(self) -> tuple[str, ...]:
        return ()

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        return {}

    def _widths(self) -> tuple[int, int]:
        left, right = self.inputs
        return left.bits, right.bits


@dataclass(frozen=True)
class Add(_Elementwise):
    """Sums, a bit wider than the wider operand; see ``stream.add``."""

    kind: ClassVar[str] = "add"

    @property
    def multipliers(self) -> int:
        return 0

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> Array:
        left, right = (whole(frame) for frame in frames)
        return self.rescale.reference(left + right)

    def circuit(self) -> Circuit:
        width = max(self._widths()) + 1

        def combine(c: Circuit, elements: Sequence[Wire]) -> Wire:
            left, right = (c.resize(element, width) for element in elements)
            return c.add(left, right)

        return pointwise_circuit(self, combine, self.rescale, register=True)


@dataclass(frozen=True)
class Multiply(_Elementwise):
    """Products, as wide as both operands together; see ``stream.multiply``."""

    kind: ClassVar[str] = "multiply"

    @property
    def multipliers(self) -> int:
        return self.output.beat

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> Array:
        left, right = (whole(frame, sum(self._widths())) for frame in frames)
        return self.rescale.reference(left * right)

    def circuit(self) -> Circuit:
        return pointwise_circuit(self, lambda c, e: c.multiply(e[0], e[1]), self.rescale, register=True)
