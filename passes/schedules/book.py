"""The schedules of a compilation: each operation's own, or what a database has for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from stepwell.passes.schedules.base import Key, Schedule
from stepwell.support.errors import ScheduleError

_S = TypeVar("_S", bound=Schedule)


@dataclass(frozen=True)
class Entry:
    """What a database says about an operation.

    Attributes:
        key: the operation; ``cpu``: what it was measured on.
        values: fields of the operation's schedule, by the names that a database has.
        origin: where it stands, for messages.
    """

    key: Key
    cpu: str
    values: Mapping[str, int]
    origin: str = "the database"


class Schedules:
    """What passes ask for schedules; remembers who asked, and which entries were used.

    Args:
        entries: of a database; those for other CPUs are left aside.
        cpu: what is compiled for, as entries name it.

    Attributes:
        asked: the operations of the program, each with the schedule that it has without a database.
    """

    def __init__(self, entries: Iterable[Entry] = (), cpu: str = "") -> None:
        self.entries = list(entries)
        self.cpu = cpu
        self.asked: dict[Key, Schedule] = {}
        self._mine = {entry.key: entry for entry in self.entries if entry.cpu == cpu}
        self._used: set[Key] = set()

    def choose(self, key: Key, default: _S, fault: Callable[[_S], str] = lambda _: "") -> _S:
        """``default``, with what the database has for ``key``; ``fault`` says why a schedule is not possible.

        Raises:
            ScheduleError: the entry's schedule is not possible.
        """
        self.asked[key] = default
        entry = self._mine.get(key)
        if entry is None:
            return default
        self._used.add(key)
        chosen = default.changed(entry.values)
        reason = fault(chosen)
        if reason:
            raise ScheduleError(
                f"the schedule of '{key}' is not possible: {reason}",
                where=entry.origin,
                hint="correct the entry or take it out",
            )
        return chosen

    def used(self) -> list[Entry]:
        """The entries that took the place of an operation's own schedule."""
        return [entry for key, entry in self._mine.items() if key in self._used]

    def facts(self) -> dict[str, Any]:
        """For the report: how many entries were used, and why the others were not."""
        unused = []
        for entry in self.entries:
            if entry.cpu != self.cpu:
                unused.append(f"{entry.key}: for {entry.cpu}")
            elif entry.key not in self._used:
                unused.append(f"{entry.key}: no such operation")
        return {"cpu": self.cpu, "entries": len(self.entries), "used": len(self._used), "unused": unused}
