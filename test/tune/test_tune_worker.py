"""What the tuner measures with: nests taken out of a model, the worker process, and the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tuning_models import contents, make

import stepwell
from stepwell.driver import cli
from stepwell.driver.artifact import load_artifact
from stepwell.driver.tuning import artifact as tuning_artifact
from stepwell.driver.tuning import measure, worker
from stepwell.driver.tuning.alike import alike
from stepwell.driver.tuning.measure import Impossible, Measurer
from stepwell.driver.tuning.nests import Nest, find_nests, with_heat
from stepwell.driver.tuning.variants import TRIED, neighbours
from stepwell.passes.schedules.base import Schedule
from stepwell.passes.schedules.book import Entry
from stepwell.passes.schedules.contraction import ContractionSchedule
from stepwell.passes.schedules.convolution import ChannelwiseSchedule, ConvolutionSchedule
from stepwell.passes.schedules.packing import PanelSchedule
from stepwell.passes.schedules.parallel import ParallelSchedule
from stepwell.passes.schedules.rows import RowsSchedule
from stepwell.support.errors import ExecutionError

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times need not be good here."""
    monkeypatch.setattr(measure, "_NEST_SECONDS", 0.0)
    monkeypatch.setattr(measure, "_HEAT_SECONDS", 0.0)
    monkeypatch.setattr(tuning_artifact, "_RACE_SECONDS", 0.1)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model, args = make()
    folder = tmp_path_factory.mktemp("tune") / "out"
    stepwell.compile(model, args).save(folder)
    return folder


@pytest.mark.parametrize(
    "schedule",
    [
        ContractionSchedule(6, 8, 2, 4, 256, 12, 12, 32, 8, 0),
        ContractionSchedule(6, 8, 2, 4, 256, 12, 12, 32, 0, 1),
        ContractionSchedule(1, 1, 1, 1, 1, 1, 1, 1, 0, 0),
        ConvolutionSchedule(7, 2),
        ConvolutionSchedule(1, 1, 1),
        ChannelwiseSchedule(8, 16),
        RowsSchedule(8, 4),
        ParallelSchedule(40000, 64),
    ],
)
def test_neighbours_are_others_of_the_kind(schedule: Schedule) -> None:
    found = neighbours(schedule)
    assert found
    assert schedule not in found
    assert len(set(found)) == len(found)
    assert all(type(each) is type(schedule) for each in found)
    assert all(value >= (name not in schedule.zeros) for each in found for name, value in each.values().items())


def test_how_weights_lie_is_not_tried() -> None:
    assert neighbours(PanelSchedule(32)) == []
    assert "panel" not in TRIED
    assert "filter" not in TRIED


def test_nests_compute_alone_what_variants_compute(artifact: Path) -> None:
    kinds = set()
    with Measurer() as measurer:
        for nest in find_nests(load_artifact(artifact), "main"):
            for key, own in measurer.asked(nest, []).items():
                kinds.add(key.kind)
                cpu = worker.schedules_for(load_artifact(artifact)).cpu
                for variant in neighbours(own)[:2] if key.kind != "parallel" else []:
                    try:
                        race = measurer.nest(nest, [], Entry(key, cpu, variant.values()))
                    except Impossible:
                        continue
                    assert race.old > 0
                    assert race.new > 0
    assert kinds >= {"contraction", "convolution", "channelwise", "rows", "parallel"}


def test_kernels_go_to_the_nest_that_is_most_alike() -> None:
    def nest(*places: set[str]) -> Nest:
        return Nest("", "", "cpu", 0, tuple(frozenset(place) for place in places))

    first, second = nest({"conv", "relu"}), nest({"conv", "add"}, {"add_1"})
    kernels = [(frozenset({"conv", "add"}), 3.0), (frozenset({"conv", "relu"}), 1.0), (frozenset({"add_1"}), 0.5)]
    kernels.append((frozenset({"other"}), 9.0))
    hot, cold = with_heat([first, second], kernels)
    assert (hot.nodes, hot.seconds) == (second.nodes, 3.5)
    assert (cold.nodes, cold.seconds) == (first.nodes, 1.0)


def test_other_results_are_noticed() -> None:
    a = torch.tensor([1.0, float("nan"), float("inf"), 100.0])
    assert alike([a], [a + torch.tensor([0.01, 0.0, 0.0, 0.0])])
    assert not alike([a], [a + torch.tensor([1.0, 0.0, 0.0, 0.0])])
    assert not alike([a], [torch.tensor([1.0, 0.0, float("inf"), 100.0])])
    narrow = torch.tensor([448.0, torch.nan]).to(torch.float8_e4m3fn)
    assert alike([narrow], [torch.tensor([416.0, torch.nan]).to(torch.float8_e4m3fn)])
    assert not alike([narrow], [torch.tensor([352.0, torch.nan]).to(torch.float8_e4m3fn)])
    assert not alike([torch.tensor([1])], [torch.tensor([2])])


def _ask(program: str, times: int = 1, patience: float = 30.0) -> list[str]:
    """What a worker that runs ``program`` for each line makes of requests."""
    loop = f"import os, signal, sys, time\nfor line in sys.stdin:\n    {program}"
    measurer = Measurer(1, (sys.executable, "-c", loop), patience)
    messages = []
    with measurer:
        for _ in range(times):
            with pytest.raises(ExecutionError) as caught:
                measurer._ask("nest")
            messages.append(caught.value.what)
    return messages


def test_a_worker_that_dies_is_replaced() -> None:
    assert _ask("os.kill(os.getpid(), signal.SIGSEGV)", times=2) == ["the process died of signal 11"] * 2
    assert _ask("sys.exit(3)") == ["the process ended with status 3"]


def test_a_worker_that_hangs_is_ended() -> None:
    assert _ask("time.sleep(60)", patience=0.5) == ["it gave no answer in 0 s"]


def test_a_worker_says_what_went_wrong() -> None:
    assert _ask("""print('{"failure": "it computes something else"}', flush=True)""") == ["it computes something else"]


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    status = cli.main(["--json", *arguments])
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if captured.out else None, captured.err


def test_the_command_tunes_an_artifact(artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = tmp_path / "found.json"
    before = contents(artifact)
    status, data, err = _run(capsys, "tune", str(artifact), "--budget", "200", "--database", str(database))
    assert status == 0
    assert data["nests"] > 2
    assert "nests take" in err
    assert "\r" not in err
    assert data["measured"] == len(database.with_suffix(".jsonl").read_text().splitlines()) > 0
    assert (contents(artifact) != before) == bool(data["kept"]) == database.exists()


def test_the_command_tunes_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(HERE)
    database = tmp_path / "s.json"
    status, data, _ = _run(capsys, "tune", "tuning_models:make", "--budget", "40", "--database", str(database))
    assert status == 0
    assert data["database"] == str(database)
    assert database.exists() == bool(data["kept"])


def test_interruption_says_what_remains(
    artifact: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Measurer, "heat", interrupt)
    status, data, _ = _run(capsys, "tune", str(artifact), "--budget", "5")
    assert status == 130
    assert data["error"]["message"] == "interrupted, nothing was measured yet; the same command goes on from there"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.pt2"], "there is no file 'nowhere.pt2'"),
        (["tuning_models:make", "--target", "hls"], "target 'hls' can't be tuned"),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(HERE)
    status, data, _ = _run(capsys, "tune", *arguments)
    assert status == 2
    assert message in data["error"]["message"]


@pytest.mark.parametrize("budget", ["0", "-1", "soon", "inf"])
def test_the_budget_is_positive(budget: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["tune", "out", "--budget", budget])
