"""Asks a worker process what things take; a worker that dies or hangs is replaced."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.driver.tuning.nests import Nest
from stepwell.passes.schedules.base import Key, Schedule
from stepwell.passes.schedules.book import Entry
from stepwell.passes.schedules.database import Database
from stepwell.passes.schedules.kinds import schedule_kind
from stepwell.support.errors import ExecutionError

_COMMAND = (sys.executable, "-m", "stepwell.driver.tuning.worker")
_PATIENCE = 60.0  # seconds; a nest compiles in one or two, a whole model in less than a minute
_NEST_SECONDS, _HEAT_SECONDS = 0.2, 1.0


@dataclass(frozen=True)
class Race:
    """Two that ran in turns: seconds of each, and the ratio of new to old."""

    old: float
    new: float
    ratio: float


class Impossible(Exception):
    """A schedule that its pass refuses."""


class Measurer:
    """Measures with a number of threads, in a process of its own.

    Args:
        threads: of parallel loops.
        command: what starts the worker; patience: seconds that an answer may take.
        gpu: whether kernels of target ``cuda`` are what is timed.
    """

    def __init__(
        self,
        threads: int = 1,
        command: Sequence[str] = _COMMAND,
        patience: float = _PATIENCE,
        *,
        gpu: bool = False,
    ) -> None:
        self.threads = threads
        self._command = command
        self._patience = patience
        self._alone, self._models = ("kernel", "gpu-models") if gpu else ("nest", "models")
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Measurer:
        self._start()  # to be ready by the time that there is something to ask
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def heat(self, folder: Path, entry: str) -> list[tuple[frozenset[str], float]]:
        """The FX nodes and seconds of each kernel of an artifact."""
        answer = self._ask("heat", folder=str(folder), entry=entry, seconds=_HEAT_SECONDS)
        return [(frozenset(nodes), float(seconds)) for nodes, seconds in answer["kernels"]]

    def asked(self, nest: Nest, base: Sequence[Entry]) -> dict[Key, Schedule]:
        """The operations of ``nest``, compiled with ``base``, and the schedules that they have of their own."""
        answer = self._nest(nest, base, None)
        return {
            Key(item["kind"], item["sizes"], item["element"]): schedule_kind(item["kind"])(**_names(item["schedule"]))
            for item in answer["asked"]
        }

    def nest(self, nest: Nest, base: Sequence[Entry], variant: Entry) -> Race:
        """``nest`` with ``base`` against ``nest`` with ``variant`` as well.

        Raises:
            Impossible: the variant was refused. ExecutionError: it crashed, hung or computed something else.
        """
        answer = self._nest(nest, base, variant)
        return Race(answer["own"], answer["seconds"], answer["seconds"] / answer["own"])

    def models(self, old: Path, new: Path, entry: str, seconds: float) -> Race:
        """Calls of two artifacts in turns.

        Raises:
            ExecutionError: the new one crashed, hung or computed something else.
        """
        answer = self._ask(self._models, old=str(old), new=str(new), entry=entry, seconds=seconds)
        return Race(answer["old"], answer["new"], answer["ratio"])

    def seconds(self, nest: Nest) -> float:
        """Of a call of a GPU's kernel with its own schedule."""
        return float(self._nest(nest, [], None)["own"])

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _nest(self, nest: Nest, base: Sequence[Entry], variant: Entry | None) -> dict[str, Any]:
        both = Database([*base, variant]).text() if variant is not None else ""
        return self._ask(
            self._alone, text=nest.text, pipeline=nest.pipeline, target=nest.target, base=Database(list(base)).text(),
            variant=both, whole=nest.whole, seconds=_NEST_SECONDS,
        )  # fmt: skip

    def _start(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                start_new_session=True,  # Ctrl-C is for whoever waits here
            )  # fmt: skip
        return self._process

    def _ask(self, what: str, **request: Any) -> dict[str, Any]:
        process = self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps({"do": what, "threads": self.threads, **request}) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], self._patience)
            line = process.stdout.readline() if ready else ""
        except BrokenPipeError:
            line = ""
        if not line.endswith("\n"):
            code = process.poll() if not ready else process.wait()
            self.close()
            raise ExecutionError(f"it gave no answer in {self._patience:.0f} s" if code is None else _death(code))
        answer: dict[str, Any] = json.loads(line)
        if answer.get("impossible"):
            raise Impossible(answer["failure"])
        if "failure" in answer:
            raise ExecutionError(answer["failure"])
        return answer


def _names(values: Mapping[str, int]) -> dict[str, int]:
    return {name.replace("-", "_"): value for name, value in values.items()}


def _death(code: int) -> str:
    return f"the process died of signal {-code}" if code < 0 else f"the process ended with status {code}"
