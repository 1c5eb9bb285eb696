"""Tuning kernels of a GPU: what is taken out, tried and kept, on times that are planted; and without a GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import stepwell
from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.artifact import load_artifact
from stepwell.driver.compile import Compilation
from stepwell.driver.recompile import kept_entries
from stepwell.driver.tuning.artifact import tune_artifact
from stepwell.driver.tuning.kernels import find_kernels
from stepwell.driver.tuning.measure import Impossible, Measurer
from stepwell.driver.tuning.tune import tune
from stepwell.frontend.mlir_file import parse_program
from stepwell.passes.pipeline import parse_pipeline
from stepwell.passes.schedules.book import Entry, Schedules
from stepwell.passes.schedules.database import parse_database
from stepwell.support.errors import DeviceError, ScheduleError, UsageError
from stepwell.support.parameters import ParameterStore


class Planted(Measurer):
    """Lowers kernels in this process; ``ratio`` is a variant's time over that of its own schedule."""

    def __init__(self, ratio: Callable[[Entry], float], call: float = 0.9) -> None:
        super().__init__(gpu=True)
        self.ratio, self.call = ratio, call
        self.tried: list[Entry] = []

    def _ask(self, what: str, **request: Any) -> dict[str, Any]:
        if what == "gpu-models":
            return {"old": 1.0, "new": self.call, "ratio": self.call}
        assert what == "kernel"
        entries = parse_database(request["variant"] or request["base"], "test").entries
        backend, used = find_backend("cuda"), Schedules(entries, "sm_90a")
        program = parse_program(request["text"], ParameterStore(), "kernel.mlir")
        target, passes = Target.parse(request["target"]), parse_pipeline(request["pipeline"])
        try:
            Compilation(program, backend, target, passes, schedules=used).lower("kernel")
        except ScheduleError as error:
            raise Impossible(error.what) from None
        asked = [
            {"kind": key.kind, "sizes": key.sizes, "element": key.element, "schedule": own.values()}
            for key, own in used.asked.items()
        ]
        if not request["variant"]:
            return {"asked": asked, "own": 1e-3}
        self.tried.append(entries[-1])
        return {"own": 1e-3, "seconds": 1e-3 * self.ratio(entries[-1])}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = nn.Sequential(*(nn.Linear(128, 128) for _ in range(3)), nn.Softmax(-1)).to(torch.bfloat16)
    folder = tmp_path_factory.mktemp("cuda") / "out"
    stepwell.compile(model.eval(), (torch.randn(256, 128).to(torch.bfloat16),), target="cuda", cache=False).save(folder)
    return folder


def test_kernels_alone(artifact: Path) -> None:
    kernels = find_kernels(load_artifact(artifact), "main", Planted(lambda _: 1.0))
    assert [round(kernel.seconds * 1e3) for kernel in kernels] == [2, 1, 1]  # the first two layers are one kernel
    assert "linalg.generic" in kernels[0].text


def test_a_schedule_that_is_faster_is_kept(artifact: Path) -> None:
    def ratio(entry: Entry) -> float:
        return 0.8 if entry.key.kind == "cuda-wgmma" and entry.values["columns"] == 128 else 1.1

    timer = Planted(ratio)
    tuned = tune_artifact(artifact, artifact / "tuning.jsonl", timer, budget=1000.0)
    assert {(entry.key.kind, entry.cpu) for entry, _ in tuned.kept} == {("cuda-wgmma", "sm_90a")}
    kept = kept_entries(load_artifact(artifact))
    assert kept
    assert all(entry.values["columns"] == 128 for entry in kept)
    assert {entry.key.kind for entry in timer.tried} == {"cuda-wgmma", "cuda-rows"}


def test_without_a_gpu(artifact: Path) -> None:
    with pytest.raises(DeviceError, match="no NVIDIA driver"):
        tune(str(artifact))


def test_other_targets(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="target 'hls' can't be tuned"):
        tune("model.py:make", target="hls", database=tmp_path / "s.json")
