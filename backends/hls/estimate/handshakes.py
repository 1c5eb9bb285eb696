"""Paths that go through several components: valid and data forwards, ready backwards, between registers.

A component is known by its arcs: ns from each of its inputs to each of its outputs, and to its registers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from stepwell.backends.hls.components.base import Component, Port
from stepwell.backends.hls.components.fifo import Fifo
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.estimate.delay import CLOCK_TO_OUT, SETUP, Paths
from stepwell.backends.hls.estimate.operations import read_operations
from stepwell.backends.hls.plan import Edge

_BETWEEN = 0.6
"""From one component to another: they stand apart."""

_LATE = 1000.0
"""ns so late that nothing else matters."""

Pin = tuple[str, str]
"""A component and one of its ports."""


@dataclass(frozen=True)
class Arcs:
    """What a component adds to a path.

    Attributes:
        own: ns of the slowest path from its registers to its registers, inputs coming from registers as well.
        starts: for each output, when it is there after a clock edge, as far as inputs do not keep it.
        through: for each input, ns from there to each output that depends on it.
        ends: for each input, ns from there through a register's set-up.
    """

    own: float
    starts: dict[str, float]
    through: dict[str, dict[str, float]]
    ends: dict[str, float]

    @staticmethod
    def of(component: Component) -> Arcs:
        """By its circuit."""
        operations = read_operations(component.circuit().text())
        inputs = [f"{port.name}_{part}" for port in component.inputs for part in ("data", "valid")]
        inputs += [f"{port.name}_ready" for port in component.outputs]
        through, ends = {}, {}
        for port in inputs:
            paths = Paths(operations, {port: _LATE})
            outputs = paths.outputs()
            through[port] = {name: at - _LATE for name, at in outputs.items() if at >= _LATE}
            ends[port] = max(0.0, paths.longest() - _LATE)
        early = Paths(operations, dict.fromkeys(inputs, 0.0))
        return Arcs(Paths(operations).longest(), early.outputs(), through, ends)


@dataclass(frozen=True)
class Route:
    """The slowest path that ends in a component.

    Attributes:
        component: in which it ends.
        ns: between two clock edges.
        own: those of the slowest path that does not leave the component.
        pins: inputs of components that it goes through, the last one first.
        start: the component in which it begins.
    """

    component: str
    ns: float
    own: float
    pins: tuple[Pin, ...]
    start: str

    def __str__(self) -> str:
        return self.component if self.start == self.component else f"{self.start} to {self.component}"


@dataclass(frozen=True)
class Place:
    """Where a FIFO could be, and when the path that it cuts would end in it."""

    edge: Edge
    ns: float


@dataclass(frozen=True)
class _Arrival:
    """When a signal is there, and the pin before it that keeps it; None where it comes from a register."""

    ns: float
    before: Pin | None


class Handshakes:
    """All paths of a design; ``cuts`` are edges where a FIFO is assumed beside those that the design has."""

    def __init__(self, design: Design) -> None:
        self.cuts: set[Edge] = set()
        self._arcs = {component.name: Arcs.of(component) for component in design.components}
        self._components = {component.name: component for component in design.components}
        self._makers: dict[str, Pin] = {}
        self._readers: dict[str, Edge] = {}
        for component in design.components:
            for stream, port in zip(component.streams, component.outputs, strict=True):
                self._makers[stream] = component.name, port.name
            for number, source in enumerate(component.sources):
                self._readers[source] = component.name, number
        self._known: dict[Pin, _Arrival] = {}

    def routes(self) -> list[Route]:
        """The slowest path that ends in each component, or leaves the design there."""
        return [self._route(name) for name in self._components]

    def cut(self, edge: Edge) -> None:
        """Assume a FIFO there."""
        self.cuts.add(edge)
        self._known.clear()

    def places(self, route: Route) -> list[Place]:
        """Where a FIFO could cut ``route``, the last place first: there is none at either end."""
        found = []
        for pin in route.pins:
            edge = self._edge(pin)
            if edge is None or edge in self.cuts:
                continue
            reader = self._components[edge[0]]
            maker, _ = self._makers[reader.sources[edge[1]]]
            if not isinstance(reader, Fifo) and not isinstance(self._components[maker], Fifo):
                intake = _fifo().ends["out_ready" if pin[1].endswith("_ready") else "in_valid"]
                found.append(Place(edge, self._at(pin).ns + intake))
        return found

    def _route(self, name: str) -> Route:
        arcs = self._arcs[name]
        ends: list[tuple[float, Pin | None]] = [(arcs.own, None)]
        ends += [(self._at((name, port)).ns + after, (name, port)) for port, after in arcs.ends.items()]
        for port in self._leaving(name):
            last = self._out(name, port)
            ends.append((last.ns + SETUP, last.before))
        ns, pin = max(ends, key=lambda end: end[0])
        pins = self._back(pin)
        return Route(name, ns, arcs.own, pins, self._before(pins[-1]) if pins else name)

    def _before(self, pin: Pin) -> str:
        """The component from which a signal comes in at ``pin``; that of the pin where it comes from outside."""
        edge = self._edge(pin)
        if edge is None:
            return pin[0]
        reader, number = edge
        return reader if pin[1].endswith("_ready") else self._makers[self._components[reader].sources[number]][0]

    def _leaving(self, name: str) -> Iterator[str]:
        """Outputs of a component that are outputs of the design."""
        component = self._components[name]
        for stream, port in zip(component.streams, component.outputs, strict=True):
            if stream not in self._readers:
                yield from (f"{port.name}_data", f"{port.name}_valid")
        for source, port in zip(component.sources, component.inputs, strict=True):
            if source not in self._makers:
                yield f"{port.name}_ready"

    def _edge(self, pin: Pin) -> Edge | None:
        """The edge whose signal comes in at ``pin``; None where it is a port of the design."""
        component = self._components[pin[0]]
        name, _, part = pin[1].rpartition("_")
        if part == "ready":
            return self._readers.get(component.streams[[port.name for port in component.outputs].index(name)])
        number = [port.name for port in component.inputs].index(name)
        return (pin[0], number) if component.sources[number] in self._makers else None

    def _at(self, pin: Pin) -> _Arrival:
        """When what comes in at ``pin`` is there."""
        if pin not in self._known:
            edge, part = self._edge(pin), pin[1].rpartition("_")[2]
            if edge is None:
                self._known[pin] = _Arrival(CLOCK_TO_OUT, None)
            elif edge in self.cuts:
                start = _fifo().starts["in_ready" if part == "ready" else f"out_{part}"]
                self._known[pin] = _Arrival(start + _BETWEEN, None)
            else:
                reader, number = edge
                ready = reader, f"{self._components[reader].inputs[number].name}_ready"
                maker, port = self._makers[self._components[reader].sources[number]]
                out = self._out(*(ready if part == "ready" else (maker, f"{port}_{part}")))
                self._known[pin] = _Arrival(out.ns + _BETWEEN, out.before)
        return self._known[pin]

    def _out(self, name: str, port: str) -> _Arrival:
        """When what leaves the component ``name`` at ``port`` is there."""
        arcs = self._arcs[name]
        found = [_Arrival(arcs.starts[port], None)]
        for entry, outputs in arcs.through.items():
            if port in outputs:
                found.append(_Arrival(self._at((name, entry)).ns + outputs[port], (name, entry)))
        return max(found, key=lambda arrival: arrival.ns)

    def _back(self, pin: Pin | None) -> tuple[Pin, ...]:
        """``pin`` and those before it on the slowest path to it."""
        found: list[Pin] = []
        while pin is not None:
            found.append(pin)
            pin = self._at(pin).before
        return tuple(found)


def slowest_route(design: Design) -> Route:
    """The slowest path of all."""
    return max(Handshakes(design).routes(), key=lambda route: route.ns)


def break_paths(design: Design, allowed: float) -> list[Edge]:
    """Edges where a FIFO is needed for no path through several components to take longer than ``allowed`` ns, as far as
    FIFOs help."""
    handshakes = Handshakes(design)
    while True:
        slow = [route for route in handshakes.routes() if route.ns > max(allowed, route.own)]
        places = next(filter(None, map(handshakes.places, sorted(slow, key=lambda route: -route.ns))), None)
        if places is None:
            return sorted(handshakes.cuts)
        # As far from where the path begins as a FIFO can still take what comes.
        handshakes.cut(next((place for place in places if place.ns <= allowed), places[-1]).edge)


@cache
def _fifo() -> Arcs:
    """Of a FIFO that may stand anywhere; its delays hardly depend on its size."""
    inside, outside = (Port(name, 8, 1, (1, 1)) for name in ("in", "out"))
    return Arcs.of(Fifo("fifo", ("in",), "", (inside,), (outside,), 2))
