"""Contenders side by side: a process for each, taking turns, so that no runtime's threads disturb another's."""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Worker threads of OpenMP runtimes spin for a while after their last loop; let them fall asleep between turns.
REST = 0.25


@dataclass(frozen=True)
class Standing:
    """How one contender did in one case.

    Attributes:
        build: seconds to compile and make the first call.
        rounds: median seconds of a call, one for each round.
        error: why it did not take part, or None.
    """

    contender: str
    build: float = 0.0
    rounds: tuple[float, ...] = ()
    error: str | None = None

    @property
    def median(self) -> float:
        """Median of the rounds, in seconds."""
        return statistics.median(self.rounds)


@dataclass(frozen=True)
class Ratio:
    """Time of one contender over another's, paired by round: median, smallest, largest."""

    median: float
    low: float
    high: float


def ratio(ours: Standing, theirs: Standing) -> Ratio:
    """``ours`` over ``theirs``; both took part in the same race."""
    pairs = [mine / other for mine, other in zip(ours.rounds, theirs.rounds, strict=True)]
    return Ratio(statistics.median(pairs), min(pairs), max(pairs))


def race(case: str, contenders: Sequence[str], *, rounds: int, seconds: float, batch: int = 1) -> list[Standing]:
    """Let all call ``case`` in turns: ``rounds`` times about ``seconds`` each, timing ``batch`` calls at once."""
    processes = {name: WorkerProcess() for name in contenders}
    try:
        loaded = {name: process.ask(do="load", contender=name, case=case) for name, process in processes.items()}
        running = [name for name in contenders if "error" not in loaded[name]]
        times: dict[str, list[float]] = {name: [] for name in running}
        for number in range(rounds):
            # The order turns, so that nobody always runs after the same neighbour.
            for name in running[number % len(running) :] + running[: number % len(running)] if running else []:
                time.sleep(REST)
                answer = processes[name].ask(do="time", seconds=seconds, batch=batch)
                times[name].append(statistics.median(answer["durations"]))
    finally:
        for process in processes.values():
            process.close()
    return [
        Standing(name, loaded[name]["seconds"], tuple(times[name]))
        if name in times
        else Standing(name, error=loaded[name]["error"])
        for name in contenders
    ]


class WorkerProcess:
    """A worker and the pipes to it.

    Args:
        module: what the process runs: it reads a command in JSON a line, and answers with a line.
        arguments: of the module.
        environment: variables beside this process's own.
    """

    def __init__(
        self,
        module: str = "bench.worker",
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, limit: float | None = None, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its answer, ``limit`` seconds at most.

        A worker that died or was too slow (it is ended then) answers with an ``error``.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
            # A worker answers with one whole line: nothing is left in the buffer that select can't see.
            if limit is not None and not select.select([self._process.stdout], [], [], limit)[0]:
                self._process.kill()
                return {"error": f"no answer in {limit:.0f} seconds"}
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return {"error": f"the process ended with exit status {self._process.wait()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
