"""When a component moves its beats; what FIFOs are sized by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Steps = np.ndarray[Any, np.dtype[np.int64]]
"""A step for each beat of a frame, in order."""


@dataclass(frozen=True)
class Schedule:
    """A frame in steps of one cycle each, if neither inputs nor readers keep the component waiting.

    Attributes:
        steps: of a frame; the next frame's first step may follow at once.
        needs: for each input, the step that can't begin before a beat is there.
        takes: for each input, the step in which a beat is taken: the same, unless it is looked at for longer.
        sends: for each output, the step that makes a beat; one from ``steps`` on is a step of the next frame, or of a
            frame's end where none follows.
        latency: cycles from such a step until the beat is offered; 0 where only gates are between.
    """

    steps: int
    needs: tuple[Steps, ...]
    takes: tuple[Steps, ...]
    sends: tuple[Steps, ...]
    latency: int


@dataclass(frozen=True)
class Kept:
    """Beats of an input that stay inside of a component, in a memory of its own.

    Attributes:
        room: beats that it has room for.
        stage, steps: the number of the stage, and its step for each beat, at whose end the beat's place is free.
    """

    room: int
    stage: int
    steps: Steps


@dataclass(frozen=True)
class Stage:
    """A part of a component that moves by itself.

    Attributes:
        reads: what the inputs of its schedule are: numbers of the component's inputs, or names of inner streams.
        writes: likewise its outputs.
        kept: by the number of an input of the component that it reads, where its beats stay.
    """

    reads: tuple[int | str, ...]
    writes: tuple[int | str, ...]
    schedule: Schedule
    kept: Mapping[int, Kept] = field(default_factory=dict)


def evenly(steps: int, inputs: Sequence[int], outputs: Sequence[int], latency: int) -> Schedule:
    """Beats of inputs and outputs, so many each, spread over a frame; an output as soon as its share came in."""
    needs = tuple(np.arange(beats) * steps // beats for beats in inputs)
    sends = tuple(-(-(np.arange(beats) + 1) * steps // beats) - 1 for beats in outputs)
    return Schedule(steps, needs, needs, sends, latency)
