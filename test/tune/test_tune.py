"""Tuning an artifact: what is kept, what is not, and what remains when it ends early; times are planted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tuning_models import Planted, contents, failing, make

import stepwell
from stepwell.driver import api
from stepwell.driver.artifact import load_artifact
from stepwell.driver.recompile import kept_entries, rebuild
from stepwell.driver.tuning.artifact import Tuned, tune_artifact
from stepwell.driver.tuning.log import Trial, TrialLog
from stepwell.driver.tuning.progress import Progress
from stepwell.passes.schedules.base import Key
from stepwell.passes.schedules.book import Entry

_BUDGET = 1000.0


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    model, args = make()
    stepwell.compile(model, args).save(tmp_path / "out")
    return tmp_path / "out"


def _tune(folder: Path, timer: Planted, budget: float = _BUDGET) -> Tuned:
    return tune_artifact(folder, folder / "tuning.jsonl", timer, budget=budget)


def _rows_of_two(entry: Entry) -> float:
    """A contraction is fastest with two rows and nothing else changed."""
    return 0.8 if entry.key.kind == "contraction" and entry.values["rows"] == 2 else 1.1


def _anything(entry: Entry) -> float:
    return 0.9


def _check_results(folder: Path) -> None:
    model, args = make()
    expected = model.double()(*(arg.double() for arg in args))
    torch.testing.assert_close(api.load(folder)(*args).double(), expected, rtol=1e-5, atol=1e-6)


def test_what_makes_calls_faster_is_kept(artifact: Path) -> None:
    before = contents(artifact)
    tuned = _tune(artifact, Planted(_rows_of_two, lambda _: 0.9))
    assert [entry.key.kind for entry, _ in tuned.kept] == ["contraction"]
    assert tuned.kept[0][1] == pytest.approx(0.8)
    assert tuned.finished
    after = contents(artifact)
    assert after["model.so"] != before["model.so"]
    assert after["model.safetensors"] == before["model.safetensors"]
    assert after["program.mlir"] == before["program.mlir"]
    (kept,) = kept_entries(load_artifact(artifact))
    assert kept.values["rows"] == 2
    _check_results(artifact)


def test_a_call_is_never_slower(artifact: Path) -> None:
    before = contents(artifact)
    timer = Planted(_anything, lambda _: 1.01)
    tuned = _tune(artifact, timer)
    assert timer.races > 1  # all, half of them, and so on
    assert tuned.kept == []
    assert contents(artifact) == before


def test_no_gain_changes_nothing(artifact: Path) -> None:
    before = contents(artifact)
    assert _tune(artifact, Planted(_anything, lambda _: 0.999)).kept == []
    assert contents(artifact) == before


def test_the_first_half_is_kept_where_all_together_are_slower(artifact: Path) -> None:
    timer = Planted(_anything, lambda race: 1.2 if race == 1 else 0.9)
    tuned = _tune(artifact, timer)
    assert timer.races == 2
    operations = {entry.key for entry in timer.tried}
    assert 1 <= len(tuned.kept) < len(operations)
    _check_results(artifact)


def test_where_nothing_is_faster_the_model_is_not_made_again(artifact: Path) -> None:
    timer = Planted(lambda _: 1.2, lambda _: 0.5)
    tuned = _tune(artifact, timer)
    assert timer.tried
    assert (timer.races, tuned.race, tuned.kept) == (0, None, [])


def test_it_stops_and_goes_on(artifact: Path) -> None:
    before = contents(artifact)

    def interrupted(entry: Entry) -> float:
        if len(timer.tried) == 4:
            raise KeyboardInterrupt
        return _rows_of_two(entry)

    timer = Planted(interrupted, lambda _: 0.9)
    with pytest.raises(KeyboardInterrupt):
        _tune(artifact, timer)
    assert contents(artifact) == before
    known = TrialLog(artifact / "tuning.jsonl").trials
    assert [dict(trial.values) for trial in known] == [dict(entry.values) for entry in timer.tried[:3]]

    again = Planted(_rows_of_two, lambda _: 0.9)
    tuned = _tune(artifact, again)
    assert (tuned.known, tuned.measured) == (3, len(again.tried))
    assert not {(t.key, str(t.values)) for t in known} & {(e.key, str(dict(e.values))) for e in again.tried}
    assert [entry.values["rows"] for entry, _ in tuned.kept] == [2]

    third = Planted(_rows_of_two, lambda _: 0.5)
    tuned = _tune(artifact, third)
    assert (third.tried, third.races, tuned.kept) == ([], 0, [])
    assert kept_entries(load_artifact(artifact))[0].values["rows"] == 2


def test_the_budget_ends_the_search(artifact: Path) -> None:
    now = 0.0

    def clock() -> float:
        return now

    def slow(entry: Entry) -> float:
        nonlocal now
        now += 10.0
        return 1.1

    timer = Planted(slow, lambda _: 0.9)
    tuned = tune_artifact(artifact, artifact / "tuning.jsonl", timer, budget=35.0, clock=clock)
    assert not tuned.finished
    assert 1 <= len(timer.tried) <= 6


def test_a_variant_that_crashes_costs_only_itself(artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timer = Planted(failing(2), lambda _: 0.9)
    tuned = _tune(artifact, timer)
    trials = TrialLog(artifact / "tuning.jsonl").trials
    assert [trial.failure for trial in trials if trial.failure] == ["the process died of signal 11"]
    assert len(trials) == len(timer.tried) > 2
    assert tuned.kept == []
    assert "a variant failed: the process died of signal 11" in capsys.readouterr().err


def test_threads_are_tuned_where_there_are_some(artifact: Path) -> None:
    alone, several = (Planted(lambda _: 1.1, lambda _: 1.0, threads) for threads in (1, 2))
    _tune(artifact, alone)
    _tune(artifact, several)
    assert "parallel" not in {entry.key.kind for entry in alone.tried}
    assert "parallel" in {entry.key.kind for entry in several.tried}
    # What one thread found says nothing of two.
    assert all("contraction" in {entry.key.kind for entry in timer.tried} for timer in (alone, several))


def test_an_artifact_made_again_is_the_same(artifact: Path, tmp_path: Path) -> None:
    (artifact / "notes.txt").write_text("mine")
    rebuild(artifact, [], tmp_path / "again")
    assert contents(tmp_path / "again") == contents(artifact)


def test_an_artifact_without_its_program_is_refused(tmp_path: Path) -> None:
    model, args = make()
    executable = stepwell.compile(model, args)
    executable.sources.clear()
    executable.save(tmp_path / "out")
    with pytest.raises(stepwell.Error, match=r"can't be compiled again: it keeps no program\.mlir"):
        _tune(tmp_path / "out", Planted(_anything, lambda _: 0.5))


def test_dynamic_sizes_are_left_alone(tmp_path: Path) -> None:
    model = torch.nn.Linear(16, 40)
    shapes = ({0: torch.export.Dim("n", min=2, max=64)},)
    stepwell.compile(model, (torch.randn(8, 16),), dynamic_shapes=shapes).save(tmp_path / "out")
    timer = Planted(_anything, lambda _: 0.5)
    assert _tune(tmp_path / "out", timer).nests == 0
    assert timer.tried == []


@pytest.mark.parametrize("line", ["{", "[]", '{"kind": "contraction"}'])
def test_a_damaged_log_is_refused(artifact: Path, line: str) -> None:
    (artifact / "tuning.jsonl").write_text(line + "\n")
    with pytest.raises(stepwell.Error, match=r"tuning\.jsonl, line 1"):
        _tune(artifact, Planted(_anything, lambda _: 0.5))


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    key = Key("rows", "loops=8x8", "f32")
    first = Trial(key, "a CPU", {"unroll": 2}, 1, 1e-6, 2e-6)
    second = Trial(key, "a CPU", {"unroll": 4}, 2, failure="it hung")
    file = tmp_path / "log.jsonl"
    TrialLog(file).add(first)
    with file.open("a") as stream:
        stream.write('{"kind": "ro')
    log = TrialLog(file)
    assert log.trials == [first]
    log.add(second)
    assert TrialLog(file).trials == [first, second]
    assert (first.ratio, second.ratio) == (pytest.approx(0.5), float("inf"))


def test_an_unknown_entry_is_refused(artifact: Path) -> None:
    with pytest.raises(stepwell.Error, match="no entry point 'decode'"):
        tune_artifact(artifact, artifact / "t.jsonl", Planted(_anything, lambda _: 1.0), budget=1.0, entry="decode")


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere() -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, bar in ((Terminal(), True), (io.StringIO(), False)):
        now = iter([0.0, 30.0, 31.0])
        progress = Progress(60.0, stream, now.__next__)
        progress.step("nest 1 of 2")
        if not bar:
            next(now)
        progress.line("found")
        text = stream.getvalue()
        assert ("[##########..........]   30/60 s  nest 1 of 2" in text) == bar
        assert text.endswith("  31.0 s  found\n")
        assert ("\r" in text) == bar
