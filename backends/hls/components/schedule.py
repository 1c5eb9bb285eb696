"""When a component moves its beats; what FIFOs are sized by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


def evenly(steps: int, inputs: Sequence[int], outputs: Sequence[int], latency: int) -> Schedule:
    """Beats of inputs and outputs, so many each, spread over a frame; an output as soon as its share came in."""
    needs = tuple(np.arange(beats) * steps // beats for beats in inputs)
    sends = tuple(-(-(np.arange(beats) + 1) * steps // beats) - 1 for beats in outputs)
    return Schedule(steps, needs, needs, sends, latency)
