"""The process that compiles and times: a request a line on standard input, an answer a line on standard output.

A variant that crashes or hangs takes this process with it and nothing else.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from stepwell.backends.llvm.runnable import CpuRunnable
from stepwell.driver.artifact import load_artifact
from stepwell.driver.executable import Executable
from stepwell.driver.recompile import kept_entries, kept_pipeline, schedules_for, start_again
from stepwell.driver.samples import random_inputs
from stepwell.driver.tuning import gpu_worker
from stepwell.driver.tuning.alike import Tensors, alike
from stepwell.driver.tuning.alone import asked_data, compile_alone
from stepwell.passes.buffer.instrument import profile_state
from stepwell.support.errors import Error, ScheduleError

_WARM_UP, _LEAST, _MOST = 2, 5, 2000
#: What copies of a nest's operands may take, and how many there may be.
_COPY_BYTES, _COPIES = 64 << 20, 65


def serve() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else prints must not come between the answers
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _HANDLERS[request.pop("do")](**request)
        except ScheduleError as error:
            answer = {"failure": error.what, "impossible": True}
        except Error as error:
            answer = {"failure": error.what}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def heat(folder: str, entry: str, threads: int, seconds: float) -> dict[str, Any]:
    """The kernels of an artifact: the FX nodes of each, and its median seconds."""
    artifact = load_artifact(Path(folder))
    used = kept_entries(artifact)
    pipeline = kept_pipeline(artifact)
    if all(getattr(element, "name", "") != "instrument" for element in pipeline.elements()):
        pipeline.insert_before("declare-entries", "instrument")
    compilation = start_again(artifact, schedules_for(artifact, used), pipeline)
    compilation.lower()
    timed = _Timed(compilation.finish(), entry, threads)
    inputs = random_inputs(timed.executable.signatures[entry], 0)
    times: list[torch.Tensor] = []

    def run(turn: int) -> float:
        times.append(timed.run(inputs))
        return 0.0

    _race([run], seconds)
    medians = torch.stack(times[_WARM_UP:]).double().median(0).values * 1e-9
    return {"kernels": [[note["nodes"], float(s)] for note, s in zip(timed.notes, medians, strict=True)]}


def nest(
    text: str, pipeline: str, target: str, base: str, variant: str, threads: int, whole: int, seconds: float
) -> dict[str, Any]:
    """A nest with the schedules of database ``base``, and in turns with those of ``variant``, where there is one.

    Args:
        text, pipeline: the module, and the passes that are still to run on it.
        whole: bytes of the model's weights: so much is touched before an operand comes again, as it is in a call.
    """
    own = _compiled(text, pipeline, target, base, threads)
    asked = asked_data(own.asked)
    if not variant:
        return {"asked": asked}
    other = _compiled(text, pipeline, target, variant, threads)
    fresh = random_inputs(own.executable.signatures["main"], 0)
    results = []
    for timed in (own, other):
        results.append([tensor.clone() for tensor in fresh])
        timed.run(results[-1])
    if not alike(*results):
        return {"failure": "it computes something else"}
    size = sum(tensor.nbytes for tensor in fresh) or 1
    # An odd number, so that two that take turns both come to all of them.
    count = max(1, min(whole // size, _COPY_BYTES // size, _COPIES)) | 1
    copies = [[tensor.clone() for tensor in fresh] for _ in range(count)]

    def run(timed: _Timed) -> Callable[[int], float]:
        return lambda turn: float(timed.run(copies[turn % count]).sum()) * 1e-9

    times = _race([run(own), run(other)], seconds)
    return {"asked": asked, "own": statistics.median(times[0]), "seconds": statistics.median(times[1])}


def models(old: str, new: str, entry: str, threads: int, seconds: float) -> dict[str, Any]:
    """Calls of two artifacts in turns: the median of each, and of the ratio of neighbouring calls."""
    artifacts = [load_artifact(Path(folder)) for folder in (old, new)]
    inputs = random_inputs(artifacts[0].signatures[entry], 0)
    results: list[Tensors] = []
    runs = []
    for artifact in artifacts:
        runnable = artifact.runnable
        assert isinstance(runnable, CpuRunnable)
        runnable.set_threads(threads)
        results.append(runnable.run(runnable.new_session(), entry, inputs))
        runs.append(_caller(runnable, runnable.new_session(), entry, inputs))
    if not alike(*results):
        return {"failure": "it computes something else"}
    before, after = _race(runs, seconds)
    ratios = [new / old for old, new in zip(before, after, strict=True)]
    return {"old": statistics.median(before), "new": statistics.median(after), "ratio": statistics.median(ratios)}


class _Timed:
    """Instrumented code with a session."""

    def __init__(self, executable: Executable, entry: str, threads: int, asked: Any = None) -> None:
        assert isinstance(executable.runnable, CpuRunnable)
        self.executable = executable
        self.entry = entry
        self.asked = asked or {}
        self.notes = executable.code.facts["kernels"][entry]
        executable.runnable.set_threads(threads)
        self._session = executable.runnable.new_session()

    def run(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Call it; the nanoseconds of each kernel."""
        self.executable.runnable.run(self._session, self.entry, inputs)
        times = self._session.state(profile_state(self.entry)).reshape(-1, 2)
        return torch.as_tensor(times[:, 1] - times[:, 0])


@lru_cache(maxsize=4)
def _compiled(text: str, pipeline: str, target: str, schedules: str, threads: int) -> _Timed:
    executable, asked = compile_alone(text, pipeline, target, schedules)
    return _Timed(executable, "main", threads, asked)


def _caller(runnable: CpuRunnable, session: Any, entry: str, inputs: Tensors) -> Callable[[int], float]:
    def call(_: int) -> float:
        start = time.perf_counter()
        runnable.run(session, entry, inputs)
        return time.perf_counter() - start

    return call


def _race(runs: Sequence[Callable[[int], float]], seconds: float) -> list[list[float]]:
    """What each of ``runs`` says it took, time after time and in turns, for about ``seconds``."""
    times: list[list[float]] = [[] for _ in runs]
    turn, start = 0, time.perf_counter()
    while len(times[0]) < _LEAST + _WARM_UP or (time.perf_counter() - start < seconds and len(times[0]) < _MOST):
        for taken, run in zip(times, runs, strict=True):
            taken.append(run(turn))
            turn += 1
    return [taken[_WARM_UP:] for taken in times]


_HANDLERS: dict[str, Callable[..., dict[str, Any]]] = {
    "heat": heat,
    "nest": nest,
    "models": models,
    "kernel": gpu_worker.kernel,
    "gpu-models": gpu_worker.models,
}

if __name__ == "__main__":
    serve()
