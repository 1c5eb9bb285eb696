"""Tuning of an artifact: searches, and keeps what makes whole calls faster."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stepwell.driver.artifact import load_artifact
from stepwell.driver.recompile import kept_entries, rebuild, schedules_for
from stepwell.driver.tuning.kernels import KernelTimer, find_kernels
from stepwell.driver.tuning.log import TrialLog
from stepwell.driver.tuning.measure import Race
from stepwell.driver.tuning.nests import Nest, find_nests, with_heat
from stepwell.driver.tuning.progress import Progress
from stepwell.driver.tuning.search import NestTimer, Search
from stepwell.passes.schedules.base import Key
from stepwell.passes.schedules.book import Entry
from stepwell.passes.schedules.database import Database
from stepwell.support.atomic import new_folder
from stepwell.support.errors import Error, UsageError

#: What a schedule must gain alone to be tried in the model, and what the model must gain for it to be kept.
_NEST_GAIN, _MODEL_GAIN = 0.97, 0.99
#: Nests that take less of a call than this are left alone.
_LEAST_SHARE = 0.01
#: Of the budget for the race of whole calls, and at most so many seconds.
_RACE_SHARE, _RACE_SECONDS = 0.15, 10.0


class Timer(NestTimer, KernelTimer, Protocol):
    """All that tuning asks for times."""

    def heat(self, folder: Path, entry: str) -> list[tuple[frozenset[str], float]]:
        """The FX nodes and seconds of each kernel."""

    def models(self, old: Path, new: Path, entry: str, seconds: float) -> Race:
        """Calls of two artifacts in turns."""


@dataclass
class Tuned:
    """What tuning did.

    Attributes:
        kept: the entries that are new, each with its nest's time over what it was.
        race: the call before and after; None where nothing was worth a try.
        nests: how many there are; measured, known: trials of now and of before.
        finished: whether everything in reach was tried.
        target: the name of what it was tuned for.
        artifact: the folder that was tuned, None for a model; database: the file with the entries, None
            where the artifact alone has them; log: the file with the measurements.
    """

    kept: list[tuple[Entry, float]] = field(default_factory=list)
    race: Race | None = None
    nests: int = 0
    measured: int = 0
    known: int = 0
    finished: bool = True
    target: str = "cpu"
    artifact: Path | None = None
    database: Path | None = None
    log: Path | None = None


def tune_artifact(
    folder: Path,
    log: Path,
    measurer: Timer,
    *,
    budget: float,
    entry: str = "main",
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Look for better schedules for the hottest nests of the artifact in ``folder``, and make its code again with them.

    The artifact changes at the end, as a whole, and only if whole calls are faster then; the file ``log`` gets every
    measurement as it is made, and those that it has are not made again.

    Raises:
        ArtifactError: the artifact is damaged, can't run here or can't be compiled again.
        ScheduleError: the log is damaged.
        UsageError: there is no such entry.
    """
    start = clock()
    progress = progress or Progress(budget, clock=clock)
    executable = load_artifact(folder)
    if entry not in executable.signatures:
        raise UsageError(f"there is no entry point '{entry}'", hint=f"there are {', '.join(executable.signatures)}")
    known = TrialLog(log)
    progress.step("looking for the hottest nests")
    if executable.target.name == "cuda":
        nests = find_kernels(executable, entry, measurer)
    else:
        nests = with_heat(find_nests(executable, entry), measurer.heat(folder, entry))
    total = sum(nest.seconds for nest in nests)
    hot = [nest for nest in nests if nest.seconds > _LEAST_SHARE * total]
    progress.line(f"{len(hot)} of {len(nests)} nests take {sum(n.seconds for n in hot) * 1e3:.2f} ms of a call")
    # To compile the model again takes about as long as it took to get here.
    race_seconds = min(_RACE_SECONDS, _RACE_SHARE * budget)
    end = start + budget - (clock() - start) - race_seconds
    search = Search(measurer, known, schedules_for(executable).cpu, progress, clock)
    before = len(search.trials())
    found = _search(search, hot, end)
    tuned = Tuned(
        target=executable.target.name, nests=len(hot), measured=search.measured, known=before, finished=clock() <= end
    )
    keeper = _Keeper(folder, measurer, entry, race_seconds, progress)
    worth = [each for each in found if each.values != keeper.now.get(each.key)]
    tuned.race, kept = keeper.keep(worth, lambda: clock() < start + budget)
    tuned.kept = [(entry, search.best[entry.key][1]) for entry in kept]
    progress.clear()
    return tuned


def _search(search: Search, nests: list[Nest], end: float) -> list[Entry]:
    """The entries worth a try in the model, those that should save most first."""
    savings: dict[Key, float] = {}
    for number, nest in enumerate(nests):
        left = sum(other.seconds for other in nests[number:])
        now = search.clock()
        keys = search.run(nest, f"nest {number + 1} of {len(nests)}", now + (end - now) * nest.seconds / left)
        for key in keys:
            entry, ratio = search.best.get(key, (None, 1.0))
            if entry is not None and ratio < _NEST_GAIN:
                if key not in savings:
                    search.progress.line(f"{key}: {ratio:.2f} of its time")
                savings[key] = savings.get(key, 0.0) + nest.seconds * (1 - ratio)
    return [search.best[key][0] for key in sorted(savings, key=lambda key: -savings[key])]


class _Keeper:
    """Makes the artifact again with new entries, and puts it in its place where it is faster."""

    def __init__(self, folder: Path, measurer: Timer, entry: str, seconds: float, progress: Progress) -> None:
        self._folder = folder
        self._measurer = measurer
        self._entry = entry
        self._seconds = seconds
        self._progress = progress
        self._old = kept_entries(load_artifact(folder))
        self.now = {entry.key: entry.values for entry in self._old}

    def keep(self, entries: list[Entry], may_go_on: Callable[[], bool]) -> tuple[Race | None, list[Entry]]:
        """The race that decided, and the entries that are kept: ``entries``, or their first half, or of that."""
        race = None
        while entries and (race is None or may_go_on()):
            with tempfile.TemporaryDirectory(prefix="stepwell-") as place:
                new = Path(place) / "new"
                try:
                    race = self._race(entries, new)
                except Error as error:
                    self._progress.line(f"{len(entries)} new schedules together: {error.what}")
                else:
                    if race.ratio <= _MODEL_GAIN:
                        self._replace(new)
                        return race, entries
                    self._progress.line(f"{len(entries)} new schedules together: {race.ratio:.3f} of a call's time")
            entries = entries[: len(entries) // 2]
        return race, []

    def _race(self, entries: list[Entry], new: Path) -> Race:
        self._progress.step(f"the model with {len(entries)} new schedules")
        database = Database(list(self._old))
        database.put(entries)
        rebuild(self._folder, database.entries, new)
        return self._measurer.models(self._folder, new, self._entry, self._seconds)

    def _replace(self, new: Path) -> None:
        with new_folder(self._folder) as temporary:
            shutil.copytree(new, temporary, dirs_exist_ok=True)
