"""Components that make an element of the result from the elements at one place of their inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.pipelined import Pipelined
from stepwell.backends.hls.components.rescale import Rescale
from stepwell.support.widths import Range

Combine = Callable[[Circuit, Sequence[Wire]], Wire]
"""From the elements of all inputs to a wide result."""


@dataclass(frozen=True)
class Pointwise(Pipelined):
    """``cast(clamp(round(wide >> shift)))`` of a wide result for each element; a beat takes a cycle, no parameters.

    One more register may lie between rounding and clamp.
    """

    shift: int
    rounding: str
    clamp: Range

    @property
    def rescale(self) -> Rescale:
        """What happens to wide results."""
        return Rescale(self.shift, self.rounding, self.clamp, self.output.bits)

    @property
    def latency(self) -> int:
        return 1 + self.registered + self.registers

    @property
    def places(self) -> Sequence[str]:
        return ("rounding",)

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

    def hold(name: str, value: Wire) -> Wire:
        return c.drive(c.register(name, value.width), value, advance, reset=False)

    if spec.registers:
        following = c.drive(c.register("rounded_valid", 1), following, advance)
    results = []
    for i in range(spec.output.beat):
        elements = [c.bits(wire, i * port.bits, port.bits) for wire, port in zip(data, spec.inputs, strict=True)]
        wide, rest = spec.rescale.trim(c, f"{i}", combine(c, elements))
        if spec.registered:
            wide = hold(f"wide_{i}", wide)
        results.append(hold(f"result_{i}", rest.circuit(c, f"{i}", wide, hold if spec.registers else None)))
    c.drive(out_valid, following, advance)
    for i, port in enumerate(spec.inputs):
        others = valids[:i] + valids[i + 1 :]
        c.output(f"{port.name}_ready", c.both(advance, *others) if others else advance)
    c.output("out_data", c.concat(results))
    c.output("out_valid", out_valid)
    return c
