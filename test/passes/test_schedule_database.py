"""Schedule databases: what is read and written, what is refused, and what a compilation makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import stepwell
from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.request import Request
from stepwell.passes.schedules.base import Key
from stepwell.passes.schedules.book import Entry, Schedules
from stepwell.passes.schedules.database import Database, parse_database, read_database
from stepwell.support.errors import ScheduleError

_ENTRY: dict[str, Any] = {
    "kind": "contraction",
    "sizes": "rows=4 lanes=64 reduced=32",
    "element": "f32",
    "cpu": "znver3, 16 vectors of 256 bits",
    "schedule": {"rows": 2},
}
_KEY = Key("contraction", "rows=4 lanes=64 reduced=32", "f32")


def _text(**changes: Any) -> str:
    entry = {name: value for name, value in {**_ENTRY, **changes}.items() if value is not None}
    return json.dumps({"version": 1, "entries": [entry]})


def test_a_database_reads_back() -> None:
    database = Database([Entry(_KEY, "znver3", {"rows": 2, "row-block": 4})])
    found = parse_database(database.text(), "file")
    assert [(e.key, e.cpu, e.values) for e in found.entries] == [(_KEY, "znver3", {"rows": 2, "row-block": 4})]
    assert parse_database(Database().text(), "file").entries == []


def test_a_new_entry_takes_the_place_of_the_old_one_for_its_cpu() -> None:
    database = Database([Entry(_KEY, "one", {"rows": 2}), Entry(_KEY, "two", {"rows": 3})])
    database.put([Entry(_KEY, "two", {"rows": 4})])
    assert [(entry.cpu, entry.values) for entry in database.entries] == [("one", {"rows": 2}), ("two", {"rows": 4})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no schedule database"),
        ('{"entries": []}', "no schedule database"),
        ('{"version": 99}', "version 99, this one reads 1"),
        ('{"version": 1, "enrties": []}', "has no 'enrties'"),
        ('{"version": 1, "entries": {}}', "'entries' is no list"),
        (_text(kind="contraktion"), "there is no kind 'contraktion'"),
        (_text(cpu=None), "'cpu' is missing"),
        (_text(colour="red"), "'colour' is unknown"),
        (_text(sizes=3), "'sizes' is text, not 3"),
        (_text(schedule=[]), "'schedule' is an object"),
        (_text(schedule={"row": 2}), "has no 'row'"),
        (_text(schedule={"rows": 0}), "'rows' is a positive whole number, not 0"),
        (_text(schedule={"ahead": -1}), "'ahead' is a whole number, not -1"),
        (_text(schedule={"rows": "2"}), "'rows' is a positive whole number, not \"2\""),
        (_text(schedule={"rows": True}), "'rows' is a positive whole number, not true"),
        (json.dumps({"version": 1, "entries": [_ENTRY, _ENTRY]}), "has two entries"),
    ],
)
def test_a_wrong_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(ScheduleError, match=message) as caught:
        parse_database(text, "a.json")
    assert "a.json" in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match="can't read the schedule database"):
        read_database(tmp_path / "none.json")
    with pytest.raises(ScheduleError, match="can't read the schedule database"):
        stepwell.compile(torch.nn.Linear(2, 2), (torch.ones(1, 2),), target=f"cpu,schedules={tmp_path / 'none.json'}")


def _asked(target: str) -> Schedules:
    """What the passes asked for a linear layer and a softmax."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.Softmax(-1)).eval()
    compilation = Request(model, (torch.ones(4, 32),), target=target).start()
    compilation.lower()
    return compilation.context.schedules


def _database(path: Path, *, cpu: str | None = None, **values: int) -> Path:
    schedules = _asked("cpu")
    key = next(key for key in schedules.asked if key.kind == "contraction")
    Database([Entry(key, cpu or schedules.cpu, values)]).write(path)
    return path


def test_an_entry_changes_the_code_and_not_what_it_computes(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.Softmax(-1)).eval()
    x = torch.randn(4, 32)
    file = _database(tmp_path / "s.json", rows=2)
    own = stepwell.compile(model, (x,), cache=False)
    tuned = stepwell.compile(model, (x,), target=f"cpu,schedules={file}", cache=False)
    assert tuned.code.files != own.code.files
    assert tuned.report is not None
    assert tuned.report.notes["schedules"]["used"] == 1
    assert "schedules: 1 of 1 entries of the database used" in tuned.report.table()
    expected = model.double()(x.double()).float()
    torch.testing.assert_close(tuned(x), expected, rtol=1e-5, atol=1e-6)
    model.float()


def test_an_entry_for_another_cpu_is_reported_and_not_used(tmp_path: Path) -> None:
    model, x = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.Softmax(-1)).eval(), torch.randn(4, 32)
    file = _database(tmp_path / "s.json", cpu="another", rows=2)
    own = stepwell.compile(model, (x,), cache=False)
    other = stepwell.compile(model, (x,), target=f"cpu,schedules={file}", cache=False)
    assert other.code.files == own.code.files
    assert other.report is not None
    assert "for another" in other.report.table()
    assert other.report.notes["schedules"]["used"] == 0


def test_an_impossible_entry_is_an_error(tmp_path: Path) -> None:
    model, x = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.Softmax(-1)).eval(), torch.randn(4, 32)
    file = _database(tmp_path / "s.json", rows=64)
    with pytest.raises(ScheduleError, match="is not possible") as caught:
        stepwell.compile(model, (x,), target=f"cpu,schedules={file}", cache=False)
    assert f"{file}, entry 1" in str(caught.value)


def test_the_cache_knows_databases_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_CACHE", str(tmp_path / "cache"))
    model, x = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.Softmax(-1)).eval(), torch.randn(4, 32)
    file = _database(tmp_path / "s.json", rows=2)
    target = f"cpu,schedules={file}"
    first = stepwell.compile(model, (x,), target=target)
    again = stepwell.compile(model, (x,), target=target)
    assert again.report is not None
    assert "cache" in again.report.notes
    assert again.report.notes["schedules"]["used"] == 1
    _database(file, rows=1)
    changed = stepwell.compile(model, (x,), target=target)
    assert changed.report is not None
    assert "cache" not in changed.report.notes
    assert changed.code.files != first.code.files


@pytest.mark.parametrize("target", ["hls", "interpreter"])
def test_other_targets_take_no_database(target: str) -> None:
    with pytest.raises(stepwell.Error, match="has no option 'schedules'"):
        find_backend(target).resolve(Target(target, schedules="s.json"))
