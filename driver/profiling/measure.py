"""Runs instrumented code and collects the time of each kernel."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from stepwell.backends.base import Target
from stepwell.backends.llvm.peaks import Peaks, measure_peaks
from stepwell.backends.llvm.runnable import CpuRunnable
from stepwell.driver import api
from stepwell.driver.executable import Executable
from stepwell.driver.profiling.profile import Kernel, Profile
from stepwell.driver.samples import read_inputs
from stepwell.passes.buffer.instrument import profile_state
from stepwell.passes.pipeline import Pipeline
from stepwell.support.errors import UsageError
from stepwell.support.log import begin

_WARM_UP = 3


def profile(
    model: Any,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    target: str | Target = "cpu",
    dynamic_shapes: Any = None,
    pipeline: Pipeline | str | None = None,
    repeat: int = 20,
    threads: int = 1,
    entry: str = "main",
) -> Profile:
    """Time each kernel of a model on its example inputs.

    Args:
        model: what :func:`stepwell.compile` takes, with the arguments it takes; or the path of an artifact folder that
            was compiled for target ``cpu,profile=true``, which is called with random inputs.
        repeat: calls to time, after a warm-up; a time is the median.
        threads: threads of parallel loops; the peaks are measured with as many.

    Raises:
        UsageError: the target can't be profiled, or an artifact was not compiled for it.
    """
    if isinstance(model, (str, Path)) and Path(model).is_dir():
        return _measure(api.load(model), None, None, repeat, threads, entry)
    parsed = Target.parse(target)
    if parsed.name != "cpu":
        raise UsageError(f"target '{parsed.name}' can't be profiled", hint="the target that can is cpu")
    plain = api.compile(model, args, kwargs, target=target, dynamic_shapes=dynamic_shapes, pipeline=pipeline)
    timed = Target(parsed.name, **{**parsed.options, "profile": "true"})
    instrumented = api.compile(model, args, kwargs, target=timed, dynamic_shapes=dynamic_shapes, pipeline=pipeline)
    inputs = instrumented.plan(entry).flatten(args, dict(kwargs or {})) if args or kwargs else None
    return _measure(instrumented, plain, inputs, repeat, threads, entry)


def _measure(
    executable: Executable,
    plain: Executable | None,
    inputs: Sequence[torch.Tensor] | None,
    repeat: int,
    threads: int,
    entry: str,
) -> Profile:
    notes = executable.code.facts.get("kernels", {}).get(entry)
    runnable = executable.runnable
    if notes is None or not isinstance(runnable, CpuRunnable):
        raise UsageError(
            "the code was not made to be profiled",
            hint="profile the model, or compile it with --target cpu,profile=true (pass 'instrument' in --pipeline)",
        )
    if inputs is None:
        plan = executable.plan(entry)
        inputs = plan.check(read_inputs(executable.signatures[entry], [], 0))
    runnables = [runnable] if plain is None else [runnable, plain.runnable]
    sessions = []
    for each in runnables:
        assert isinstance(each, CpuRunnable)
        each.set_threads(threads)
        sessions.append(each.new_session())
    calls: list[list[float]] = [[] for _ in runnables]
    times = []
    begin(f"measuring {repeat} calls")
    # The two take turns, so that both see the same machine.
    for number in range(repeat + _WARM_UP):
        for seconds, each, session in zip(calls, runnables, sessions, strict=True):
            start = time.perf_counter()
            each.run(session, entry, inputs)
            seconds.append(time.perf_counter() - start)
        if number >= _WARM_UP:
            times.append(sessions[0].state(profile_state(entry)).reshape(-1, 2).clone())
    measured = [seconds[_WARM_UP:] for seconds in calls]
    return _profile(notes, torch.stack(times), measured, measure_peaks(threads))


def _profile(
    notes: Sequence[Mapping[str, Any]], times: torch.Tensor, calls: Sequence[Sequence[float]], peaks: Peaks
) -> Profile:
    """``times`` [calls, kernels, 2] in nanoseconds; ``calls``: seconds of the same calls, and of those without."""
    lengths = (times[:, :, 1] - times[:, :, 0]).double()
    inside = lengths.sum(1)
    medians = lengths.median(0).values if len(notes) else lengths.sum(0)
    # The call whose total is the median of all is shown as a trace.
    typical = times[int(inside.argsort()[len(inside) // 2])] if len(notes) else times[0]
    origin = int(typical.min()) if len(notes) else 0
    kernels = [
        Kernel(
            number=number,
            kind=note["kind"],
            nodes=tuple(note["nodes"]),
            where=note["where"],
            flops=note["flops"],
            read=note["read"],
            written=note["written"],
            seconds=float(medians[number]) * 1e-9,
            begin=(int(typical[number, 0]) - origin) * 1e-9,
            end=(int(typical[number, 1]) - origin) * 1e-9,
        )
        for number, note in enumerate(notes)
    ]
    around = [call - 1e-9 * float(sum_) for call, sum_ in zip(calls[0], inside, strict=True)]
    return Profile(
        kernels,
        call=statistics.median(calls[0]),
        between=statistics.median(around),
        plain=statistics.median(calls[1]) if len(calls) > 1 else None,
        peaks=peaks,
    )
