"""What the components of a design do while frames come back to back: how busy each is, and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from stepwell.backends.hls.boundary import storage
from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.components.fifo import Fifo
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.estimate.component import Estimate, estimate_design
from stepwell.backends.hls.estimate.handshakes import slowest_route
from stepwell.backends.hls.generate import generate
from stepwell.backends.hls.lut_budget import FAMILY
from stepwell.backends.hls.simulate import Simulation, Simulator, Traced
from stepwell.backends.hls.synthesis.area import Area

_AREA = ("LUT", "FF", "DSP", "BRAM")


@dataclass(frozen=True)
class Layer:
    """One component, in cycles of a frame at steady state.

    Attributes:
        where: the model's line.
        at_once: its parallelism.
        cycles: that its own work takes.
        utilisation: its share of the time in which it works.
        starved: in which it could take a beat that is not there.
        blocked: in which what it made waits for its reader.
        share: its part of all multipliers.
        area: by estimate, on the family that budgets count.
        mhz: its clock on an ECP5 by estimate.
    """

    name: str
    where: str
    at_once: str
    multipliers: int
    cycles: int
    utilisation: float
    starved: float
    blocked: float
    share: float
    area: Area
    mhz: float


@dataclass(frozen=True)
class Queue:
    """A FIFO between two components; ``held``: beats at once, at most."""

    name: str
    between: str
    bits: int
    depth: int
    held: int


@dataclass(frozen=True)
class Measured:
    """A simulation of several frames.

    Attributes:
        frames: that were measured, after a first one.
        cycles: of a frame.
        bound: cycles of the slowest component.
        latency: cycles until the first frame was out.
        outside: cycles of a frame in which an input was not taken.
        area: of all components by estimate, those included that only join others.
        slowest: the component with the slowest path by estimate, or those in which that begins and ends.
        mhz: that clock.
    """

    frames: int
    cycles: float
    bound: int
    latency: int
    layers: list[Layer]
    queues: list[Queue]
    outside: float
    area: Area
    slowest: str
    mhz: float

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return asdict(self)

    def table(self, clock: float) -> str:
        """Text for people; ``clock`` in MHz."""
        head = (
            "component",
            "at once",
            "multipliers",
            "share",
            "cycles",
            "busy",
            "starved",
            "blocked",
            *_AREA,
            "MHz",
            "where",
        )
        rows = [
            (
                layer.name, layer.at_once, str(layer.multipliers), f"{layer.share:.0%}", str(layer.cycles),
                f"{layer.utilisation:.0%}", f"{layer.starved:.1f}", f"{layer.blocked:.1f}",
                *_cells(layer.area), f"{layer.mhz:.0f}", layer.where,
            )
            for layer in self.layers
        ]  # fmt: skip
        lines = _columns([head, *rows])
        if self.queues:
            queues = [(q.name, q.between, str(q.bits), str(q.depth), str(q.held)) for q in self.queues]
            lines += ["", *_columns([("FIFO", "between", "bits", "depth", "held"), *queues])]
        rate = clock * 1e6 / self.cycles
        sizes = ", ".join(f"{cell} {kind}" for cell, kind in zip(_cells(self.area), _AREA, strict=True))
        lines += [
            "",
            f"{self.cycles:.1f} cycles a frame, the bound is {self.bound} ({self.bound / self.cycles:.0%}); "
            f"latency {self.latency} cycles; {rate:,.0f} results per second at {clock:g} MHz",
            "cycles are of a frame: busy with its own work, starved of a beat, blocked by the reader of its result",
            f"estimated with FIFOs, forks and changes of beats: {sizes}; areas are for {FAMILY}, clocks for an ECP5",
        ]
        if self.mhz < clock:
            lines.append(f"{self.slowest} keeps the clock at {self.mhz:.0f} MHz by estimate, not {clock:g}")
        return "\n".join(lines)


def measure(design: Design, memories: Mapping[str, bytes], frames: int, seed: int) -> Measured:
    """Simulate ``frames`` random frames behind a first one, back to back.

    Args:
        memories: contents of the design's memories by file name.
    """
    sources = {name: text.encode() for name, text in generate(design, probed=True).items()}
    random = np.random.default_rng(seed)
    given = {}
    for port in design.inputs:
        low, high = -(1 << (port.bits - 1)), (1 << (port.bits - 1)) - 1
        values = random.integers(low, high, (frames + 1, *port.shape), endpoint=True)
        given[port.name] = values.astype(storage(port))
    return _read(design, Simulator(design, {**sources, **memories}, probed=True).run(given), frames)


def _read(design: Design, result: Simulation, frames: int) -> Measured:
    cycles = (result.cycles - result.latency) / frames
    total, parts = estimate_design(design, FAMILY)
    route = slowest_route(design)
    part = max(parts, key=lambda name: parts[name].ns)
    slowest = part if parts[part].ns > route.ns else str(route)
    layers = [_layer(design, c, result.streams, frames, cycles, parts[c.name]) for c in design.computing]
    readers = {source: c.name for c in design.components for source in c.sources}
    queues = [
        Queue(c.name, f"{c.sources[0]} -> {readers[c.name]}", c.input.width, c.depth, result.streams[c.sources[0]].held)
        for c in design.components
        if isinstance(c, Fifo)
    ]
    outside = sum(result.streams[port.name].blocked for port in design.inputs) / frames
    return Measured(
        frames, cycles, design.cycles, result.latency, layers, queues, outside, total.area, slowest, total.mhz
    )


def _layer(
    design: Design, component: Component, streams: Mapping[str, Traced], frames: int, cycles: float, guess: Estimate
) -> Layer:
    return Layer(
        component.name,
        component.location,
        "x".join(str(number) for number in component.parallelism),
        component.multipliers,
        component.cycles,
        component.cycles / cycles,
        max((streams[source].starved for source in component.sources), default=0) / frames,
        max(streams[stream].blocked for stream in component.streams) / frames,
        component.multipliers / design.multipliers if design.multipliers else 0.0,
        guess.area,
        guess.mhz,
    )


def _cells(area: Area) -> tuple[str, ...]:
    return f"{area.lut:,}", f"{area.ff:,}", f"{area.dsp:,}", f"{area.bram:g}"


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
