"""Components that make an element of the result from the elements at one place of their inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.support.widths import Range

Combine = Callable[[Circuit, Sequence[Wire]], Wire]
"""From the elements of all inputs to a wide result."""


@dataclass(frozen=True)
class Pointwise(Component):
    """``cast(clamp(round(wide >> shift)))`` of a wide result for each element; a beat takes a cycle, no parameters."""

    shift: int
    rounding: str
    clamp: Range

    @property
    def rescale(self) -> Rescale:
        """What happens to wide results."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def cycles(self) -> int:
        return self.output.beats

    @property
    def latency(self) -> int:
        return 1 + self.registered

    @property
    def registered(self) -> bool:
        """Whether a register is between the wide result and what is done with it."""
        return True


def pointwise_circuit(spec: Pointwise, combine: Combine) -> Circuit:
    """A beat a cycle: ``combine``, then what is rescaled into a register.

    A beat is taken from all inputs at once, when each has one.
    """
    c = Circuit(spec.name)
    data, valids = [], []
    for port in spec.inputs:
        data.append(c.input(f"{port.name}_data", port.width))
        valids.append(c.input(f"{port.name}_valid", 1))
    out_ready, out_valid = c.input("out_ready", 1), c.register("out_valid_r", 1)
    # Everything moves, or nothing: the last register is empty or its beat is taken.
    advance = c.either(out_ready, c.negate(out_valid))
    valid = c.both(*valids) if len(valids) > 1 else valids[0]
    following = c.drive(c.register("wide_valid", 1), valid, advance) if spec.registered else valid
    results = []
    for i in range(spec.output.beat):
        elements = [c.bits(wire, i * port.bits, port.bits) for wire, port in zip(data, spec.inputs, strict=True)]
        wide, rest = spec.rescale.trim(c, f"{i}", combine(c, elements))
        if spec.registered:
            wide = c.drive(c.register(f"wide_{i}", wide.width), wide, advance, reset=False)
        result = c.register(f"result_{i}", spec.output.bits)
        results.append(c.drive(result, rest.circuit(c, f"{i}", wide), advance, reset=False))
    c.drive(out_valid, following, advance)
    for i, port in enumerate(spec.inputs):
        others = valids[:i] + valids[i + 1 :]
        c.output(f"{port.name}_ready", c.both(advance, *others) if others else advance)
    c.output("out_data", c.concat(results))
    c.output("out_valid", out_valid)
    return c
