"""requantize: every element times a constant, shifted, rounded, clamped and cast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.support.widths import Range, signed_range, signed_width


@dataclass(frozen=True)
class Requantize(Component):
    """``cast(clamp(round(in * multiplier >> shift)))``, see ``stream.requantize``.

    A beat takes a cycle. A register keeps the products (none for a multiplier of 1), one the results.
    """

    kind: ClassVar[str] = "requantize"

    multiplier: int
    shift: int
    rounding: str
    clamp: Range

    @property
    def rescale(self) -> Rescale:
        """What happens to the products."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

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
    def cycles(self) -> int:
        return self.input.beats

    @property
    def parameters(self) -> tuple[str, ...]:
        return ()

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        return {}

    def reference(self, frame: Array, parameters: Mapping[str, Array]) -> Array:
        return self.rescale.reference(frame.astype("int64") * self.multiplier)

    def circuit(self) -> Circuit:
        c = Circuit(self.name)
        data, valid, ready = c.input("in_data", self.input.width), c.input("in_valid", 1), c.input("out_ready", 1)
        out_valid = c.register("out_valid_r", 1)
        # Everything moves, or nothing: the last register is empty or its beat is taken.
        advance = c.either(ready, c.negate(out_valid))
        elements = [c.bits(data, i * self.input.bits, self.input.bits) for i in range(self.input.beat)]
        ends = [(value, self.rescale) for value in elements]
        if self.multiplier != 1:
            ends = [self._product(c, i, value, advance) for i, value in enumerate(elements)]
            valid = c.drive(c.register("product_valid", 1), valid, advance)
        results = []
        for i, (value, rest) in enumerate(ends):
            if self.multiplier == 1:
                value, rest = rest.trim(c, f"{i}", value)
            register = c.register(f"result_{i}", self.output.bits)
            results.append(c.drive(register, rest.circuit(c, f"{i}", value), advance, reset=False))
        c.drive(out_valid, valid, advance)
        c.output("in_ready", advance)
        c.output("out_data", c.concat(results))
        c.output("out_valid", out_valid)
        return c

    def _product(self, c: Circuit, i: int, value: Wire, advance: Wire) -> tuple[Wire, Rescale]:
        """The product of an element in a register: the bits that rounding reads, and what is still to be done."""
        constant = c.constant(self.multiplier, self.multiplier.bit_length() + 1)
        product = c.resize(c.multiply(value, constant), self.product_bits)
        kept, rest = self.rescale.trim(c, f"{i}", product)
        return c.drive(c.register(f"product_{i}", kept.width), kept, advance, reset=False), rest
