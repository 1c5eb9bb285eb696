"""What the worker process does for target ``cuda``: kernels and whole calls in turns, timed by CUDA events."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from stepwell.driver.artifact import load_artifact
from stepwell.driver.executable import Executable
from stepwell.driver.samples import random_inputs
from stepwell.driver.tuning.alike import Tensors, alike
from stepwell.driver.tuning.alone import asked_data, compile_alone
from stepwell.support.errors import ExecutionError

_WARM_UP, _ROUNDS, _CALLS = 3, 5, 20
#: Cycles of the GPU in which the host makes a call and more, so that the GPU never waits for it.
_HOST_CYCLES = 200_000
#: Copies of a kernel's operands at most, so that they come from memory where those of a model do.
_COPIES, _COPY_BYTES = 8, 256 << 20


def kernel(
    text: str, pipeline: str, target: str, base: str, variant: str, threads: int, whole: int, seconds: float
) -> dict[str, Any]:
    """A kernel with the schedules of database ``base``, and in turns with those of ``variant``, where there is one."""
    own, asked = _compiled(text, pipeline, target, base)
    contenders = [own] if not variant else [own, _compiled(text, pipeline, target, variant)[0]]
    times = _race(contenders, "main", whole)
    if times is None:
        return {"failure": "it computes something else"}
    return {"asked": asked_data(asked), "own": times[0], "seconds": times[-1]}


def models(old: str, new: str, entry: str, threads: int, seconds: float) -> dict[str, Any]:
    """Calls of two artifacts in turns: the median of each, and their ratio."""
    times = _race([load_artifact(Path(folder)) for folder in (old, new)], entry, 0)
    if times is None:
        return {"failure": "it computes something else"}
    return {"old": times[0], "new": times[1], "ratio": times[1] / times[0]}


_compiled = lru_cache(maxsize=4)(compile_alone)


def _race(contenders: list[Executable], entry: str, whole: int) -> list[float] | None:
    """Seconds of each, medians of calls in turns; None where their results differ."""
    if not torch.cuda.is_available():
        raise ExecutionError("torch finds no GPU", hint="tune on a machine with one, with a torch that has CUDA")
    fresh = [tensor.cuda() for tensor in random_inputs(contenders[0].signatures[entry], 0)]
    size = sum(tensor.nbytes for tensor in fresh) or 1
    count = max(1, min(whole // size, _COPY_BYTES // size, _COPIES))
    copies = [[tensor.clone() for tensor in fresh] for _ in range(count)]
    calls = [_caller(executable, entry, copies) for executable in contenders]
    first, *others = [[tensor.cpu() for tensor in call(0)] for call in calls]
    if not all(alike(first, other) for other in others):
        return None
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        for turn in range(_WARM_UP):
            call(turn)
    for _ in range(_ROUNDS):
        for found, call in zip(times, calls, strict=True):
            found += _timed(call)
    return [statistics.median(found) for found in times]


def _caller(executable: Executable, entry: str, copies: list[Tensors]) -> Callable[[int], Tensors]:
    session = executable.runnable.new_session()
    return lambda turn: executable.runnable.run(session, entry, copies[turn % len(copies)])


def _timed(call: Callable[[int], Tensors]) -> list[float]:
    """Seconds of calls that the GPU makes one after the other."""
    cuda: Any = torch.cuda  # these are without types
    events = [[cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(_CALLS)]
    cuda._sleep(_HOST_CYCLES * _CALLS)
    for turn, (before, after) in enumerate(events):
        before.record()
        call(turn)
        after.record()
    cuda.synchronize()
    return [before.elapsed_time(after) * 1e-3 for before, after in events]
