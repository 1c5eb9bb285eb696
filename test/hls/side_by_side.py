"""Many cases of a component in one design, so that there is one build, against what a user means by each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stepwell.backends.hls.boundary import storage
from stepwell.backends.hls.components.base import Array, Component, Port
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.generate import generate
from stepwell.backends.hls.plan import unfold
from stepwell.backends.hls.simulate import Simulation, Simulator, Traffic
from stepwell.backends.hls.timing import Timing

#: Seed -> percent of the cycles in which data are offered, and taken.
TRAFFIC = {1: (50, 100), 2: (100, 30), 3: (60, 60), 4: (20, 20), 5: (90, 10), 6: (10, 90)}

Frames = dict[str, Array]


def joined(components: Mapping[str, Component]) -> Design:
    """A design of components that have nothing to do with each other.

    The inputs of the one called ``NAME`` are ``NAME-PORT``, its output is ``NAME``.
    """
    inputs, placed, outputs = [], [], []
    for number, (name, component) in enumerate(components.items()):
        sources = tuple(f"{name}-{port.name}" for port in component.inputs)
        label = f"{component.kind}{number}"
        placed.append(replace(component, name=label, sources=sources))
        inputs += [Port(s, p.bits, p.beat, p.shape) for s, p in zip(sources, component.inputs, strict=True)]
        outputs.append(Sink(label, replace(component.output, name=name)))
    return Design("stepwell_main", tuple(inputs), tuple(placed), tuple(outputs))


def build(design: Design) -> Simulator:
    """The hardware of ``design``; whoever gives it weights fills their memories."""
    files = {name: text.encode() for name, text in generate(design).items()}
    return Simulator(design, files if design.parameters else files | design.memory_files({}))


def promised(design: Design) -> int:
    """The cycles after which components with memories of their own say that the last beat of a frame is there."""
    plan = unfold(design)
    timing = Timing(plan, dict.fromkeys(plan.kept, 0))
    return 1 + max(int(timing.offered[sink.source][-1]) for sink in design.outputs)


def random_frames(design: Design, seed: int, first: Callable[[str, int, int], Sequence[int]], count: int = 3) -> Frames:
    """``count`` frames of each input; ``first`` gives the elements that one begins with, by its name and its ends."""
    random = np.random.default_rng(seed)
    frames = {}
    for port in design.inputs:
        low, high = -(1 << (port.bits - 1)), (1 << (port.bits - 1)) - 1
        values = random.integers(low, high, (count, *port.shape), endpoint=True)
        known = first(port.name, low, high)
        values.flat[: len(known)] = known[: values.size]
        frames[port.name] = values.astype(storage(port))
    return frames


def check_hardware(
    simulator: Simulator, frames: Frames, names: Iterable[str], wanted: Sequence[Array], traffic: Traffic
) -> Any:
    """Run ``frames`` back to back and compare; gives what the run reports."""
    result = simulator.run(frames, traffic)
    for name, got, want in zip(names, result.outputs, wanted, strict=True):
        np.testing.assert_array_equal(got, want, err_msg=name)
    return result


def check_reference(design: Design, frames: Frames, names: Sequence[str], wanted: Sequence[Array]) -> None:
    """Compare the components' references, frame by frame."""
    for number in range(len(wanted[0])):
        got = design.reference({name: frame[number] for name, frame in frames.items()}, {})
        for name, result, want in zip(names, got, wanted, strict=True):
            np.testing.assert_array_equal(result, want[number], err_msg=name)


def check_schedules(design: Design, result: Simulation, count: int) -> None:
    """Compare when beats came, in an eager run of ``count`` frames, with what each component promised.

    Components that read inputs of the design and send results of it are looked at.
    """
    checked = 0
    for component in design.components:
        ends = [end for sink, end in zip(design.outputs, result.ends, strict=True) if sink.source in component.streams]
        ports = {port.name: port for port in design.inputs}
        if not component.sources or not ports.keys() >= set(component.sources) or len(ends) != len(component.outputs):
            continue
        sinks = [Sink(name, port) for name, port in zip(component.streams, component.outputs, strict=True)]
        alone = Design("alone", tuple(ports[source] for source in component.sources), (component,), tuple(sinks))
        timing = Timing(unfold(alone), {})
        for name, (first, last) in zip(component.streams, ends, strict=True):
            assert first == timing.offered[name][-1] + 1, name
            assert last - first == (count - 1) * timing.period, name
        checked += 1
    assert checked
