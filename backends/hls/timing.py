"""When the beats of a design move at steady state, and how many must be kept between two components for that.

A frame takes ``period`` cycles: those of the slowest component. Steps are placed as early as inputs allow, then, from
the results backwards, as late as readers allow: that says when the design's inputs are wanted. With inputs at that time
steps are placed as early as they can be. A beat that still waits needs a FIFO: components stop as a whole when their
output waits, so nothing else may keep it. With these FIFOs the hardware can meet that schedule: it does not
lock up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from stepwell.backends.hls.components.schedule import Kept, Schedule, Steps
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.plan import Edge, Plan, Timed, unfold

_NEVER = 1 << 60


@dataclass
class Timing:
    """Cycles in which the beats of one frame move, for a design without FIFOs.

    Attributes:
        queues: where a FIFO is assumed, and the cycles that a beat needs through it.
        times: for each stage, the cycle of every step.
        offered: for each stream, the cycle from which a beat can be had.
        needed, taken: for each edge, the cycle in which a beat is first needed and in which it is taken.
    """

    design: Plan
    queues: Mapping[Edge, int]
    times: dict[str, Steps] = field(default_factory=dict)
    offered: dict[str, Steps] = field(default_factory=dict)
    needed: dict[Edge, Steps] = field(default_factory=dict)
    taken: dict[Edge, Steps] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.schedules = {component.name: component.schedule for component in self.design.components}
        ports = [*self.design.inputs, *(sink.port for sink in self.design.outputs)]
        self.period = max([*(s.steps for s in self.schedules.values()), *(port.beats for port in ports)])
        # Who feeds the design, and memories, may wait for ever.
        self._makers = {stream: c for c in self.design.components if c.sources for stream in c.streams}
        self._sources = {(c.name, i): source for c in self.design.components for i, source in enumerate(c.sources)}
        self.offered = {port.name: np.arange(port.beats) for port in self.design.inputs}
        self._early()
        self._stops = {edge: self._stop(edge) for edge in self.needed if edge not in self.queues}
        self._late()
        self._early()

    def waits(self) -> list[Edge]:
        """Where beats wait and no FIFO keeps them."""
        made = [edge for edge in self.needed if self._sources[edge] in self._makers and edge not in self.queues]
        return [edge for edge in made if np.any(self.offered[self._sources[edge]] < self.needed[edge])]

    def blocks(self) -> dict[Edge, int]:
        """Where a stop costs a component time that it does not have, and how many beats a FIFO must keep against that.

        A component that stops keeps the gaps between its beats, as many as it has registers: it loses so many cycles,
        and the reader that made it stop waits for them afterwards.
        """
        lost: dict[str, list[tuple[int, Edge, int]]] = {component.name: [] for component in self.design.components}
        for edge, stops in self._stops.items():
            held_up = self._held_up(edge)
            for component in held_up:
                latency = component.schedule.latency
                lost[component.name].append((_within(stops, latency), edge, latency))
            gaps = sum(component.schedule.latency for component in held_up)
            lost[edge[0]].append((_within(stops, gaps), edge, gaps))
        found: dict[Edge, int] = {}
        for component in self.design.components:
            spare = self.period - component.schedule.steps
            for cycles, edge, gaps in sorted(lost[component.name]):  # cheap stops may stay as long as there is time
                spare -= cycles
                if cycles and spare < 0:
                    found[edge] = max(found.get(edge, 0), 1 + gaps)
        return found

    def _held_up(self, edge: Edge) -> list[Timed]:
        """The components that stop when ``edge`` does: those before it up to the next FIFO."""
        found: list[Timed] = []
        streams = [self._sources[edge]]
        while streams:
            maker = self._makers.get(streams.pop())
            if maker is not None and maker not in found:
                found.append(maker)
                inputs = ((maker.name, number) for number in range(len(maker.sources)))
                streams += [self._sources[each] for each in inputs if each not in self.queues]
        return found

    def depth(self, edge: Edge) -> int:
        """Beats that a FIFO on ``edge`` holds at once, at most."""
        return self._held(edge, self.taken[edge])

    def overflow(self, edge: Edge, kept: Kept, stage: str) -> int:
        """Beats on ``edge`` that the memory behind it, which ``stage`` empties, has no room for."""
        return self._held(edge, self.times[stage][kept.steps] + 1) - kept.room

    def _held(self, edge: Edge, leaves: Steps) -> int:
        enters = self.offered[self._sources[edge]]
        count = len(enters)
        frames = int(np.max(leaves - enters)) // self.period + 2
        around = np.arange(-frames, 2)[:, np.newaxis] * self.period
        left = np.searchsorted((around + leaves).ravel(), enters, "left") - frames * count
        return int(np.max(np.arange(count) + 1 - left))

    def _early(self) -> None:
        """Every step as soon as its inputs are there."""
        for component in self.design.components:
            schedule = self.schedules[component.name]
            ready = np.full(schedule.steps, -_NEVER)
            for number, (source, needs) in enumerate(zip(component.sources, schedule.needs, strict=True)):
                edge = component.name, number
                np.maximum.at(ready, needs, self.offered[source] + self.queues.get(edge, 0))
            count = np.arange(2 * schedule.steps)
            both = np.concatenate([ready - self.period, ready]) - count
            times = (np.maximum.accumulate(both) + count)[schedule.steps :]
            self._send(component, schedule, times)
            for number, (needs, takes) in enumerate(zip(schedule.needs, schedule.takes, strict=True)):
                self.needed[component.name, number], self.taken[component.name, number] = times[needs], times[takes]

    def _late(self) -> None:
        """From the results as they are early, every step as late as its readers allow; so when inputs are wanted."""
        wanted: dict[str, Steps] = {sink.source: self.offered[sink.source] for sink in self.design.outputs}
        for component in reversed(self.design.components):
            schedule = self.schedules[component.name]
            due = np.full(schedule.steps, _NEVER)
            for stream, sends in zip(component.streams, schedule.sends, strict=True):
                later, step = np.divmod(sends, schedule.steps)
                np.minimum.at(due, step, wanted[stream] - schedule.latency - later * self.period)
            count = np.arange(2 * schedule.steps)
            both = np.concatenate([due, due + self.period]) - count
            times = (np.minimum.accumulate(both[::-1])[::-1] + count)[: schedule.steps]
            for number, source in enumerate(component.sources):
                latest = times[schedule.needs[number]] - self.queues.get((component.name, number), 0)
                wanted[source] = np.minimum(wanted[source], latest) if source in wanted else latest
        for port in self.design.inputs:
            self.offered[port.name] = wanted[port.name]

    def _stop(self, edge: Edge) -> Steps:
        """Cycles that a maker waits before each beat of ``edge`` is taken; the first of a frame may be there early."""
        taken, offered = self.taken[edge], self.offered[self._sources[edge]]
        idle = taken - np.concatenate([taken[-1:] - self.period, taken[:-1]]) - 1
        stops: Steps = np.maximum(0, np.minimum(taken - offered, idle))
        name, number = edge
        schedule = self.schedules[name]
        takes = schedule.takes[number]
        stops[0] = max(stops[0], takes[0] + schedule.steps - takes[-1] - 1)
        return stops

    def _send(self, component: Timed, schedule: Schedule, times: Steps) -> None:
        self.times[component.name] = times
        for stream, sends in zip(component.streams, schedule.sends, strict=True):
            later, step = np.divmod(sends, schedule.steps)
            self.offered[stream] = times[step] + later * self.period + schedule.latency


def _within(stops: Steps, most: int) -> int:
    """All stops together, none counted for more than ``most`` cycles."""
    return int(np.minimum(stops, most).sum())


def fifo_depths(design: Design, latency: Callable[[Edge, int], int], wanted: Collection[Edge] = ()) -> dict[Edge, int]:
    """The FIFOs that a design without any needs, and how deep they are.

    Args:
        latency: cycles of a beat through a FIFO, by its place and its depth.
        wanted: inputs of components that have one in any case.
    """
    plan = unfold(design)
    queues: dict[Edge, int] = dict.fromkeys(plan.kept, 0)
    always = {edge: 2 for edge, place in plan.places.items() if place in wanted}
    least: dict[Edge, int] = {}

    def delay(edge: Edge, depth: int) -> int:
        return latency(plan.place(edge), depth) if depth else 0

    while True:
        timing = Timing(plan, queues)
        least |= timing.blocks()
        places = dict.fromkeys([*queues, *timing.waits(), *least, *always])
        found = {edge: _depth(timing, plan, edge, max(least.get(edge, 0), always.get(edge, 0))) for edge in places}
        raised = {edge: max(queues.get(edge, 0), delay(edge, depth)) for edge, depth in found.items()}
        if raised == queues:
            return {plan.place(edge): depth for edge, depth in found.items() if depth}
        queues = raised


def _depth(timing: Timing, plan: Plan, edge: Edge, least: int) -> int:
    """Of the FIFO on ``edge``; 0 where there is none, since the component keeps its beats."""
    if edge in plan.kept:
        memory = plan.kept[edge]
        over = timing.overflow(edge, memory, plan.stage(edge, memory)) if memory else 0
        return max(2, over, least) if over > 0 or least else 0
    return max(2, timing.depth(edge), least)
