"""add and multiply: two streams, element by element, then shifted, rounded, clamped and cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.components.pointwise import Pointwise, pointwise_circuit
from stepwell.support.fixed_point import whole


@dataclass(frozen=True)
class _Elementwise(Pointwise):
    """``cast(clamp(round((left OP right) >> shift)))``; a register keeps what ``OP`` gives, one the results."""

    reads: ClassVar[tuple[str, ...]] = ("left", "right")

    def _widths(self) -> tuple[int, int]:
        left, right = self.inputs
        return left.bits, right.bits


@dataclass(frozen=True)
class Add(_Elementwise):
    """Sums, a bit wider than the wider operand; see ``stream.add``."""

    kind: ClassVar[str] = "add"

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        left, right = (whole(frame) for frame in frames)
        return (self.rescale.reference(left + right),)

    def circuit(self) -> Circuit:
        width = max(self._widths()) + 1

        def combine(c: Circuit, elements: Sequence[Wire]) -> Wire:
            left, right = (c.resize(element, width) for element in elements)
            return c.add(left, right)

        return pointwise_circuit(self, combine)


@dataclass(frozen=True)
class Multiply(_Elementwise):
    """Products, as wide as both operands together; see ``stream.multiply``."""

    kind: ClassVar[str] = "multiply"

    @property
    def multipliers(self) -> int:
        return self.output.beat

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        left, right = (whole(frame, sum(self._widths())) for frame in frames)
        return (self.rescale.reference(left * right),)

    def circuit(self) -> Circuit:
        return pointwise_circuit(self, lambda c, e: c.multiply(e[0], e[1]))
