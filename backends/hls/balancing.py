"""Chooses the parallelism of components so that no stage waits for long for another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from stepwell.backends.hls.components.base import Component, Port
from stepwell.backends.hls.design import Design

_SWEEPS = 4


class Balancing:
    """What the components of a design could be.

    For a number of cycles every component takes the fewest multipliers that do a frame in that time, and among those
    the narrowest streams and the beats of its neighbours.
    """

    def __init__(self, design: Design) -> None:
        self.components = {component.name: component for component in design.computing}
        self._options = {
            name: [component.spread(choice) for choice in component.choices()]
            for name, component in self.components.items()
        }
        self._neighbours = _neighbours(design)

    @cached_property
    def cycles(self) -> list[int]:
        """Cycles that a frame could take, fewest first."""
        fastest = max(min(option.cycles for option in options) for options in self._options.values())
        every = {option.cycles for options in self._options.values() for option in options}
        return sorted(cycles for cycles in every if cycles >= fastest)

    @property
    def least_multipliers(self) -> int:
        """Without any hurry."""
        return self.multipliers(self.cycles[-1])

    def multipliers(self, cycles: int) -> int:
        """So many are needed for frames of ``cycles`` cycles at most."""
        return sum(
            min(option.multipliers for option in options if option.cycles <= cycles)
            for options in self._options.values()
        )

    def choose(self, cycles: int) -> Mapping[str, tuple[int, ...]]:
        """The parallelism of each component for frames of ``cycles`` cycles at most."""
        able = {name: _cheapest(options, cycles) for name, options in self._options.items()}
        chosen = {name: min(options, key=_width) for name, options in able.items()}
        for _ in range(_SWEEPS):
            before = dict(chosen)
            for name, options in able.items():
                chosen[name] = min(options, key=lambda option: _width(option) + self._misfit(option, chosen))
            if chosen == before:
                break
        return {name: component.parallelism for name, component in chosen.items()}

    def _misfit(self, option: Component, chosen: Mapping[str, Component]) -> int:
        """Bits of beats that must be adapted between ``option`` and its neighbours as they are."""
        cost = 0
        for side, number, other, theirs in self._neighbours[option.name]:
            here = (option.inputs, option.outputs)[side][number]
            there = (chosen[other].outputs, chosen[other].inputs)[side][theirs]
            cost += here.width + there.width if here.beat != there.beat else 0
        return cost


def _cheapest(options: Iterable[Component], cycles: int) -> list[Component]:
    able = [option for option in options if option.cycles <= cycles]
    least = min(option.multipliers for option in able)
    return [option for option in able if option.multipliers == least]


def _width(component: Component) -> int:
    ports: tuple[Port, ...] = (*component.inputs, *component.outputs)
    return sum(port.width for port in ports)


def _neighbours(design: Design) -> dict[str, list[tuple[int, int, str, int]]]:
    """For each component, where it meets another one that computes: side (0 for inputs) and number of the stream here,
    the other's name and the number of the stream there."""
    makers = {stream: (c, number) for c in design.components for number, stream in enumerate(c.streams)}
    computing = {component.name for component in design.computing}
    found: dict[str, list[tuple[int, int, str, int]]] = {name: [] for name in computing}
    for component in design.computing:
        for number, source in enumerate(component.sources):
            while source in makers and makers[source][0].name not in computing:
                (source,) = makers[source][0].sources
            if source in makers:
                maker, theirs = makers[source]
                found[component.name].append((0, number, maker.name, theirs))
                found[maker.name].append((1, theirs, component.name, number))
    return found
