"""requantize: every element times a constant, shifted, rounded, clamped and cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.components.pointwise import Pointwise, pointwise_circuit
from stepwell.support.fixed_point import whole
from stepwell.support.widths import signed_range, signed_width


@dataclass(frozen=True)
class Requantize(Pointwise):
    """``cast(clamp(round(in * multiplier >> shift)))``, see ``stream.requantize``.

    A beat takes a cycle. A register keeps the products (none for a multiplier of 1), one the results.
    """

    kind: ClassVar[str] = "requantize"

    multiplier: int

    @property
    def product_bits(self) -> int:
        """Bits that hold every product."""
        low, high = signed_range(self.input.bits)
        return signed_width((low * self.multiplier, high * self.multiplier))

    @property
    def multipliers(self) -> int:
        # A power of two moves wires.
        return self.input.beat if self.multiplier & (self.multiplier - 1) else 0

    @property
    def registered(self) -> bool:
        return self.multiplier != 1

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (self.rescale.reference(whole(frames[0], self.product_bits) * self.multiplier),)

    def circuit(self) -> Circuit:
        return pointwise_circuit(self, self._product)

    def _product(self, c: Circuit, elements: Sequence[Wire]) -> Wire:
        if self.multiplier == 1:
            return elements[0]
        constant = c.constant(self.multiplier, self.multiplier.bit_length() + 1)
        return c.resize(c.multiply(elements[0], constant), self.product_bits)
