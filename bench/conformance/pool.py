"""Workers side by side: one that dies or hangs costs the sample that it was at."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.conformance.judge import Outcome

#: Samples of an operator where no number is asked for.
ALL = 1 << 30

#: Seconds that a worker may take to import what it needs.
_START = 300.0


@dataclass(frozen=True)
class Settings:
    """How a suite is run.

    Attributes:
        suite: ``module:Class`` of a :class:`~bench.conformance.sample.Suite`, with ``options`` for its constructor.
        target: what is compiled for.
        seed: of the samples.
        most: samples of one operator.
        seconds: that one sample may take.
        jobs: workers.
        renew: operators after which a worker is replaced.
        manner: one of :data:`~bench.conformance.judge.MANNERS`.
    """

    suite: str
    options: tuple[str, ...] = ()
    target: str = "cpu"
    seed: int = 0
    most: int = ALL
    seconds: float = 120.0
    jobs: int = 2
    renew: int = 150
    manner: str = "static"

    @property
    def command(self) -> list[str]:
        """A worker."""
        place = [sys.executable, "-m", "bench.conformance.worker"]
        return [*place, self.suite, self.target, str(self.seed), self.manner, *self.options]


@dataclass
class Result:
    """What became of an operator's samples, and their numbers."""

    operator: str
    outcomes: list[Outcome] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


class _Process:
    """A worker's process; what it answers is read as it comes."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        if self.answer(_START) is None:
            raise RuntimeError(f"no worker starts with: {' '.join(command)} ({self.end() or 'it hangs'})")

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request; a process that has died meanwhile does not answer."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """The next answer, None where none comes."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer

    def end(self) -> str:
        """Stop it; says how it had ended, nothing if it had not."""
        try:
            self._process.wait(timeout=1)
            had_ended = True
        except subprocess.TimeoutExpired:
            had_ended = False
        self._process.kill()
        code = self._process.wait()
        return (f"signal {-code}" if code < 0 else f"status {code}") if had_ended else ""

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)


class _Worker:
    """Judges operators in a process that is started when it is needed, and again after it died."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: _Process | None = None
        self._served = 0

    def judge(self, operator: str) -> Result:
        """All samples of ``operator``; the next process goes on behind a sample that ended one."""
        result = Result(operator)
        first: int | None = 0
        while first is not None:
            first = self._go_on(operator, first, result)
        self._served += 1
        if self._served % self._settings.renew == 0:
            self.close()
        return result

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _go_on(self, operator: str, first: int, result: Result) -> int | None:
        """Judge samples from ``first`` on; the one to go on with if the process did not live to the end."""
        if self._process is None:
            self._process = _Process(self._settings.command)
        process = self._process
        process.ask({"operator": operator, "first": first, "most": self._settings.most})
        at = first
        while (answer := process.answer(self._settings.seconds)) is not None:
            if "end" in answer:
                if answer.get("message"):
                    result.outcomes.append(Outcome("invalid", answer["message"]))
                return None
            if "begin" in answer:
                at = int(answer["begin"])
                result.numbers.append(int(answer["number"]))
            else:
                result.outcomes.append(Outcome(answer["kind"], answer["message"]))
        self._process = None
        ended = process.end()
        message = f"the process ended with {ended}" if ended else f"no answer in {self._settings.seconds:g} s"
        result.outcomes.append(Outcome("crashed", message))
        return at + 1


def run(settings: Settings, operators: Sequence[str], done: Callable[[Result], None]) -> None:
    """Judge ``operators``; ``done`` is called with each as it comes, from one thread at a time."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for operator in operators:
        waiting.put(operator)
    lock = threading.Lock()

    def work() -> None:
        worker = _Worker(settings)
        try:
            while True:
                try:
                    operator = waiting.get_nowait()
                except queue.Empty:
                    return
                result = worker.judge(operator)
                with lock:
                    done(result)
        finally:
            worker.close()

    threads = [threading.Thread(target=work) for _ in range(min(settings.jobs, len(operators)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
