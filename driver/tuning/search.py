"""Climbs from an operation's own schedule to better neighbours, and remembers all that was tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from stepwell.driver.tuning.log import Trial, TrialLog
from stepwell.driver.tuning.measure import Impossible, Race
from stepwell.driver.tuning.nests import Nest
from stepwell.driver.tuning.progress import Progress
from stepwell.driver.tuning.variants import TRIED, neighbours
from stepwell.passes.schedules.base import Key, Schedule
from stepwell.passes.schedules.book import Entry
from stepwell.support.errors import Error

#: What a schedule must gain on the best so far to be one to go on from.
_GAIN = 0.98


class NestTimer(Protocol):
    """What a search asks for times: a :class:`~stepwell.driver.tuning.measure.Measurer`."""

    threads: int

    def asked(self, nest: Nest, base: list[Entry]) -> dict[Key, Schedule]:
        """The operations of ``nest`` and their own schedules."""

    def nest(self, nest: Nest, base: list[Entry], variant: Entry) -> Race:
        """``nest`` with ``base`` against ``nest`` with ``variant`` as well."""


@dataclass
class Search:
    """A search through the nests of a model.

    Attributes:
        measurer: gives the times.
        log: what is known, and gets each trial.
        cpu: what the database calls the CPU.
        best: for each operation looked at the entry that was fastest, and its time over that of its own schedule.
        measured: how many trials were made now.
    """

    measurer: NestTimer
    log: TrialLog
    cpu: str
    progress: Progress
    clock: Callable[[], float]
    best: dict[Key, tuple[Entry, float]] = field(default_factory=dict)
    measured: int = 0
    _seen: set[Key] = field(default_factory=set)
    _impossible: set[tuple[Key, Schedule]] = field(default_factory=set)

    def trials(self) -> list[Trial]:
        """Those of the log that were made on this CPU with as many threads."""
        mine = (self.cpu, self.measurer.threads)
        return [trial for trial in self.log.trials if (trial.cpu, trial.threads) == mine]

    def run(self, nest: Nest, title: str, deadline: float) -> list[Key]:
        """Look for better schedules of the operations of ``nest``; the operations are returned.

        Loops are cut for threads last: how they look depends on the other schedules. One thread takes them as they are.
        """
        found: list[Key] = []
        for parallel in (False, True) if self.measurer.threads > 1 else (False,):
            try:
                asked = self.measurer.asked(nest, [self.best[key][0] for key in found if key in self.best])
            except Error as error:
                self.progress.line(f"{title}: can't be measured alone: {error.what}")
                return found
            for key, own in asked.items():
                if key.kind in TRIED and (key.kind == "parallel") == parallel:
                    base = [self.best[other][0] for other in found if other in self.best]
                    found.append(key)
                    if key not in self._seen:
                        self._climb(nest, title, key, own, base, deadline)
        return found

    def _climb(self, nest: Nest, title: str, key: Key, own: Schedule, base: list[Entry], deadline: float) -> None:
        tried = self._tried(key)
        best, ratio, moved = own, 1.0, True
        while moved:
            moved = False
            for schedule in neighbours(best):
                if schedule == own or (key, schedule) in self._impossible:
                    continue
                values = tuple(schedule.values().items())
                if values not in tried:
                    if self.clock() > deadline:
                        return
                    self.progress.step(f"{title}: {key}, best {ratio:.2f}")
                    trial = self._try(nest, key, schedule, base)
                    if trial is None:
                        continue
                    tried[values] = trial.ratio
                if tried[values] < ratio * _GAIN:
                    best, ratio, moved = schedule, tried[values], True
                    self.best[key] = (Entry(key, self.cpu, best.values()), ratio)
                    break
        self._seen.add(key)  # all of its neighbourhood is known: another nest with it has nothing to add

    def _try(self, nest: Nest, key: Key, schedule: Schedule, base: list[Entry]) -> Trial | None:
        """Measure and write down; None where the schedule is refused."""
        entry = Entry(key, self.cpu, schedule.values())
        seconds = own = None
        failure = ""
        try:
            race = self.measurer.nest(nest, base, entry)
            seconds, own = race.new, race.old
        except Impossible:
            self._impossible.add((key, schedule))
            return None
        except Error as error:
            failure = error.what
            self.progress.line(f"{key}: a variant failed: {failure}")
        trial = Trial(key, self.cpu, entry.values, self.measurer.threads, seconds, own, failure)
        self.log.add(trial)
        self.measured += 1
        return trial

    def _tried(self, key: Key) -> dict[tuple[tuple[str, int], ...], float]:
        """Schedules that were tried for ``key`` on this CPU with as many threads, and their times over its own."""
        trials = [trial for trial in self.trials() if trial.key == key]
        return {tuple(trial.values.items()): trial.ratio for trial in trials}
