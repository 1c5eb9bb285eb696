"""The file with measured schedules: JSON for people and programs, checked as it is read, written whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepwell.passes.schedules.base import Key
from stepwell.passes.schedules.book import Entry
from stepwell.passes.schedules.kinds import KINDS, schedule_kind
from stepwell.support.atomic import write_text
from stepwell.support.errors import ScheduleError

VERSION = 1

_ENTRY = ("kind", "sizes", "element", "cpu", "schedule")
_AGAIN = "correct the file, or take it away and tune again"


@dataclass
class Database:
    """Entries, in the order of the file."""

    entries: list[Entry] = field(default_factory=list)

    def put(self, entries: Sequence[Entry]) -> None:
        """Add ``entries`` in the place of those for the same operations."""
        new = {(entry.key, entry.cpu) for entry in entries}
        self.entries = [entry for entry in self.entries if (entry.key, entry.cpu) not in new] + list(entries)

    def text(self) -> str:
        """The file: a line for each entry."""
        lines = ",\n".join(f"  {json.dumps(entry_data(entry))}" for entry in self.entries)
        return f'{{\n"version": {VERSION},\n"entries": [\n{lines}\n]\n}}\n'

    def write(self, path: Path) -> None:
        """Write the file whole.

        Raises:
            ArtifactError: the folder can't be written.
        """
        write_text(path, self.text())


def read_database(path: Path) -> Database:
    """The database in ``path``.

    Raises:
        ScheduleError: it can't be read, or something in it is not what it should be.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else "it is no text"
        raise ScheduleError(
            f"can't read the schedule database '{path}': {reason}", hint="stepwell tune writes one"
        ) from None
    return parse_database(text, str(path))


def parse_database(text: str, origin: str) -> Database:
    """The database that ``text``, the content of ``origin``, is."""
    try:
        data = json.loads(text)
    except ValueError as failure:
        raise ScheduleError(f"the schedule database is no JSON: {failure}", where=origin, hint=_AGAIN) from None
    if not isinstance(data, dict) or "version" not in data:
        raise ScheduleError("the file is no schedule database", where=origin, hint="stepwell tune writes one")
    if data["version"] != VERSION:
        raise ScheduleError(
            f"the schedule database has version {data['version']}, this one reads {VERSION}", where=origin, hint=_AGAIN
        )
    unknown = sorted(data.keys() - {"version", "entries"})
    if unknown:
        raise ScheduleError(f"a schedule database has no '{unknown[0]}'", where=origin, hint=_AGAIN)
    database = Database()
    places: dict[tuple[Key, str], str] = {}
    for number, item in enumerate(_items(data, "entries", origin), 1):
        where = f"{origin}, entry {number}"
        entry = read_entry(item, where)
        first = places.setdefault((entry.key, entry.cpu), where)
        if first != where:
            raise ScheduleError(f"'{entry.key}' has two entries", where=f"{first} and {number}", hint=_AGAIN)
        database.entries.append(entry)
    return database


def entry_data(entry: Entry) -> dict[str, Any]:
    """An entry as the file has it."""
    key = entry.key
    words = {"kind": key.kind, "sizes": key.sizes, "element": key.element, "cpu": entry.cpu}
    return {**words, "schedule": dict(entry.values)}


def read_entry(item: Mapping[str, Any], where: str, *more: str) -> Entry:
    """Inverse of :func:`entry_data`; ``item`` may have ``more`` besides.

    Raises:
        ScheduleError: something is missing, unknown or of another type.
    """
    _check_names(item, more, where)
    return Entry(_key(item, where), _text(item, "cpu", where), _values(item, where), where)


def _items(data: Mapping[str, Any], name: str, origin: str) -> list[Mapping[str, Any]]:
    items = data.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ScheduleError(f"'{name}' is no list of objects", where=origin, hint=_AGAIN)
    return items


def _check_names(item: Mapping[str, Any], more: Sequence[str], where: str) -> None:
    missing = [name for name in _ENTRY if name not in item]
    unknown = sorted(item.keys() - {*_ENTRY, *more})
    if missing or unknown:
        what = f"'{missing[0]}' is missing" if missing else f"'{unknown[0]}' is unknown"
        raise ScheduleError(what, where=where, hint=f"it has {', '.join((*_ENTRY, *more))}")


def _key(item: Mapping[str, Any], where: str) -> Key:
    kind = _text(item, "kind", where)
    if kind not in KINDS:
        raise ScheduleError(f"there is no kind '{kind}'", where=where, hint=f"the kinds: {', '.join(KINDS)}")
    return Key(kind, _text(item, "sizes", where), _text(item, "element", where))


def _text(item: Mapping[str, Any], name: str, where: str) -> str:
    value = item[name]
    if not isinstance(value, str):
        raise ScheduleError(f"'{name}' is text, not {json.dumps(value)}", where=where, hint=_AGAIN)
    return value


def _values(item: Mapping[str, Any], where: str) -> dict[str, int]:
    kind, values = schedule_kind(item["kind"]), item["schedule"]
    names = kind.names()
    if not isinstance(values, dict):
        raise ScheduleError("'schedule' is an object", where=where, hint=f"its fields: {', '.join(names)}")
    for name, value in values.items():
        if name not in names:
            raise ScheduleError(
                f"a schedule of kind '{item['kind']}' has no '{name}'", where=where, hint=f"it has {', '.join(names)}"
            )
        least = 0 if name in kind.zeros else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            wanted = "a positive whole number" if least else "a whole number"
            raise ScheduleError(f"'{name}' is {wanted}, not {json.dumps(value)}", where=where)
    return dict(values)
