"""The measurements of tuning: a file to which each is appended as it is made, a line of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.passes.schedules.base import Key
from stepwell.passes.schedules.book import Entry
from stepwell.passes.schedules.database import entry_data, read_entry
from stepwell.support.atomic import unwritable
from stepwell.support.errors import ScheduleError

_AGAIN = "take the file away and tune again"


@dataclass(frozen=True)
class Trial:
    """A schedule that was tried.

    Attributes:
        key, cpu: what for, and what on; values: the schedule.
        threads: of the parallel loops.
        seconds, own: what the operation took with it, and in turns with its own schedule; None where it failed.
        failure: what went wrong.
    """

    key: Key
    cpu: str
    values: Mapping[str, int]
    threads: int
    seconds: float | None = None
    own: float | None = None
    failure: str = ""

    @property
    def ratio(self) -> float:
        """Its time over that of the operation's own schedule; infinite where it failed."""
        return self.seconds / self.own if self.seconds is not None and self.own else float("inf")


class TrialLog:
    """The file at ``path``; a line that was cut off at its end does not count.

    Attributes:
        trials: those of the file, and those added since.

    Raises:
        ScheduleError: it can't be read, or a line is not what it should be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError) as failure:
            raise ScheduleError(f"can't read '{path}': {failure}", hint=_AGAIN) from None
        lines = text.splitlines(keepends=True)
        torn = bool(lines) and not lines[-1].endswith("\n")
        whole = lines[:-1] if torn else lines
        if torn:
            os.truncate(path, len("".join(whole).encode()))
        self.trials = [_read(line, f"{path}, line {number}") for number, line in enumerate(whole, 1)]

    def add(self, trial: Trial) -> None:
        """Append ``trial``: in one write, so that whatever ends this process leaves whole lines.

        Raises:
            ArtifactError: the file can't be written.
        """
        line = json.dumps(_data(trial)) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, line.encode())
            finally:
                os.close(handle)
        except OSError as failure:
            raise unwritable(self.path, failure) from None
        self.trials.append(trial)


def _read(line: str, where: str) -> Trial:
    try:
        item = json.loads(line)
        if not isinstance(item, dict):
            raise ValueError(line)
        entry = read_entry(item, where, "threads", "microseconds", "own", "failure")
        seconds, own = (None if item[name] is None else float(item[name]) * 1e-6 for name in ("microseconds", "own"))
        return Trial(entry.key, entry.cpu, entry.values, int(item["threads"]), seconds, own, str(item["failure"]))
    except (ValueError, KeyError, TypeError):
        raise ScheduleError("the line is no measurement", where=where, hint=_AGAIN) from None


def _data(trial: Trial) -> dict[str, Any]:
    times = [None if time is None else round(time * 1e6, 3) for time in (trial.seconds, trial.own)]
    return {
        **entry_data(Entry(trial.key, trial.cpu, trial.values)),
        "threads": trial.threads,
        "microseconds": times[0],
        "own": times[1],
        "failure": trial.failure,
    }
