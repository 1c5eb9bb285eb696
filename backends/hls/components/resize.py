"""resize: beats of another size, at full speed of the side that has more of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, Component
from stepwell.backends.hls.components.counter import address_width, following
from stepwell.backends.hls.components.schedule import Schedule

Place = tuple[str, int]
"""Where a unit of an outgoing beat comes from: ``kept`` or ``in``, and its number there."""


@dataclass(frozen=True)
class Phase:
    """One step of the pattern in which beats go in and out.

    Attributes:
        sends: where the units of the beat that leaves come from; empty where none leaves.
        saves: unit of the incoming beat -> by the place where it is kept for later beats.
        keeps: how many places must stay as they are.
        takes: whether the incoming beat is done with.
    """

    sends: tuple[Place, ...]
    saves: Mapping[int, int]
    keeps: int
    takes: bool


@dataclass(frozen=True)
class Resize(Component):
    """A gearbox. In every step a beat comes in or one goes out, or both; what is left over of a beat is kept.

    Nothing is between input and output but multiplexers: a beat that can leave does so as it comes.
    """

    kind: ClassVar[str] = "resize"
    wiring: ClassVar[bool] = True

    @property
    def latency(self) -> int:
        return 0

    def schedule(self) -> Schedule:
        phases = self.phases()
        periods = np.arange(0, self.cycles, len(phases))[:, np.newaxis]
        takes = np.array([step for step, phase in enumerate(phases) if phase.takes])
        needs = np.array([0, *takes[:-1] + 1])
        sends = np.array([step for step, phase in enumerate(phases) if phase.sends])
        each = [(periods + steps).ravel() for steps in (needs, takes, sends)]
        return Schedule(self.cycles, (each[0],), (each[1],), (each[2],), self.latency)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (frames[0],)

    @property
    def unit(self) -> int:
        """Elements that always stay together."""
        return math.gcd(self.input.beat, self.output.beat)

    def phases(self) -> list[Phase]:
        """The pattern, after which it starts over."""
        before, after = self.input.beat // self.unit, self.output.beat // self.unit
        found, kept, offset = [], 0, 0  # units kept, and units of the incoming beat that have left
        for _ in range(max(before, after)):
            fresh = before - offset
            if kept + fresh < after:
                found.append(Phase((), {kept + i: i for i in range(before)}, kept, True))
                kept += before
                continue
            used = after - kept
            sends = [("kept", i) for i in range(kept)] + [("in", offset + i) for i in range(used)]
            rest = range(offset + used, before)
            takes = len(rest) < after
            found.append(Phase(tuple(sends), dict(enumerate(rest)) if takes else {}, 0, takes))
            kept, offset = (len(rest), 0) if takes else (0, offset + used)
        return found

    def circuit(self) -> Circuit:
        return _ResizeCircuit(self).build()


class _ResizeCircuit:
    """The circuit of one :class:`Resize`."""

    def __init__(self, spec: Resize) -> None:
        self.spec = spec
        self.phases = spec.phases()
        self.c = c = Circuit(spec.name)
        self.in_data, self.in_valid = c.input("in_data", spec.input.width), c.input("in_valid", 1)
        self.out_ready = c.input("out_ready", 1)
        width = spec.unit * spec.input.bits
        self.units = [c.bits(self.in_data, i * width, width) for i in range(spec.input.beat // spec.unit)]
        self.phase = c.register("phase", address_width(len(self.phases)))

    def build(self) -> Circuit:
        c, phases = self.c, self.phases
        sends = self._flag([bool(phase.sends) for phase in phases])
        step = c.both(self.in_valid, c.either(self.out_ready, c.negate(sends)))
        c.drive(self.phase, following(c, self.phase, len(phases)), step)
        places = {"kept": self._kept(step), "in": self.units}
        out = []
        for i in range(self.spec.output.beat // self.spec.unit):
            origins = [phase.sends[i] if phase.sends else None for phase in phases]
            out.append(self._choose([places[o[0]][o[1]] if o else None for o in origins]))
        takes = self._flag([phase.takes for phase in phases])
        c.output("in_ready", c.both(takes, c.either(self.out_ready, c.negate(sends))))
        c.output("out_data", c.concat(out))
        c.output("out_valid", c.both(self.in_valid, sends))
        return c

    def _kept(self, step: Wire) -> list[Wire]:
        """Registers of the units that wait for the beat that they leave with."""
        c, units, kept = self.c, self.units, []
        for place in range(max((max(p.saves, default=-1) + 1 for p in self.phases), default=0)):
            register = c.register(f"kept_{place}", units[0].width)
            value = self._choose([units[p.saves[place]] if place in p.saves else None for p in self.phases])
            changes = self._flag([place in p.saves or (None if place >= p.keeps else False) for p in self.phases])
            kept.append(c.drive(register, value, c.both(step, changes), reset=False))
        return kept

    def _flag(self, values: Sequence[bool | None]) -> Wire:
        return self._choose([None if value is None else self.c.constant(int(value), 1) for value in values])

    def _choose(self, options: Sequence[Wire | None]) -> Wire:
        return self.c.select(options, self.phase)
