"""Times by CUDA events, contenders in turns; errors against float64."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

import torch

Call = Callable[[], torch.Tensor]


_HOST_CYCLES = 200_000
"""Of the GPU, in which the host makes a call and more."""


def milliseconds(
    calls: Mapping[str, Call], *, rounds: int = 5, seconds: float = 0.1, ahead: bool = False
) -> dict[str, float]:
    """The median of the rounds' medians for each contender; each warms up first, and they take turns.

    Args:
        seconds: about how long one contender runs in a round.
        ahead: whether the GPU starts when all calls of a round have been made: times are the GPU's alone then.
    """
    counts = {}
    for name, call in calls.items():
        for _ in range(3):
            call()
        counts[name] = max(3, min(200, int(seconds * 1000 / max(_median(call, 3), 1e-3))))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            if ahead:
                torch.cuda._sleep(_HOST_CYCLES * counts[name])
            found[name].append(_median(call, counts[name]))
    return {name: statistics.median(times) for name, times in found.items()}


def _median(call: Call, count: int) -> float:
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(count)]
    for before, after in events:
        before.record()
        call()
        after.record()
    torch.cuda.synchronize()
    return statistics.median(before.elapsed_time(after) for before, after in events)


def error(result: torch.Tensor, wanted: torch.Tensor) -> float:
    """The distance of both over the length of ``wanted`` (in float64)."""
    wanted = wanted.double()
    return float((result.double() - wanted).norm() / wanted.norm())
