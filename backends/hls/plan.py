"""A design as what moves by itself: components, or the stages of those that keep beats inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepwell.backends.hls.components.base import Component, Port
from stepwell.backends.hls.components.schedule import Kept, Schedule
from stepwell.backends.hls.design import Design, Sink

Edge = tuple[str, int]
"""The reader of a stream and which of its inputs that is."""


@dataclass(frozen=True)
class Timed:
    """A stage: its name, the streams that it reads and writes, and when."""

    name: str
    sources: tuple[str, ...]
    streams: tuple[str, ...]
    schedule: Schedule


@dataclass(frozen=True)
class Plan:
    """Stages in topological order.

    Attributes:
        kept: for each edge whose beats a component keeps, in which memory; None for an edge within a component.
        places: for each edge, which input of which component it is; edges within components are not there.
    """

    inputs: tuple[Port, ...]
    components: tuple[Timed, ...]
    outputs: tuple[Sink, ...]
    kept: Mapping[Edge, Kept | None] = field(default_factory=dict)
    places: Mapping[Edge, Edge] = field(default_factory=dict)

    def place(self, edge: Edge) -> Edge:
        """The input of a component that ``edge`` is."""
        return self.places[edge]

    def stage(self, edge: Edge, kept: Kept) -> str:
        """The stage of the component that ``edge`` enters which empties ``kept``."""
        return _name(self.places[edge][0], kept.stage)


def unfold(design: Design) -> Plan:
    """Every component as its stages."""
    stages: list[Timed] = []
    kept: dict[Edge, Kept | None] = {}
    places: dict[Edge, Edge] = {}
    for component in design.components:
        for number, stage in enumerate(component.stages()):
            name = _name(component.name, number)
            for place, read in enumerate(stage.reads):
                if isinstance(read, str):
                    kept[name, place] = None
                    continue
                places[name, place] = component.name, read
                if read in stage.kept:
                    kept[name, place] = stage.kept[read]
            sources = tuple(_stream(component, read, component.sources) for read in stage.reads)
            streams = tuple(_stream(component, write, component.streams) for write in stage.writes)
            stages.append(Timed(name, sources, streams, stage.schedule))
    return Plan(design.inputs, tuple(stages), design.outputs, kept, places)


def _name(component: str, stage: int) -> str:
    """The first stage is called as the component."""
    return f"{component}/{stage}" if stage else component


def _stream(component: Component, stream: int | str, outside: tuple[str, ...]) -> str:
    return f"{component.name}/{stream}" if isinstance(stream, str) else outside[stream]
