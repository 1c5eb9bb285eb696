"""Stepwell, from the ExportedProgram."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import stepwell
from bench.cpu.peers.base import Call, Contender


class Stepwell(Contender):
    """Target ``cpu`` as it is; each call through Python, tensors in and out."""

    def build(self, exported: torch.export.ExportedProgram, model: torch.nn.Module, args: tuple[Any, ...]) -> None:
        self._args = args
        self._executable: Any = stepwell.compile(exported, cache=False)

    def call(self, threads: int) -> Call:
        self._executable.runnable.set_threads(threads)
        executable, args = self._executable, self._args
        return lambda: executable(*args)

    def save(self, folder: Path) -> None:
        self._executable.save(folder / "artifact")

    def load(self, folder: Path) -> None:
        stepwell.load(folder / "artifact")

    def facts(self) -> dict[str, float]:
        report, runnable = self._executable.report, self._executable.runnable
        inputs = self._executable.plan("main").flatten(self._args, {})
        session = runnable.new_session()
        for _ in range(3):
            runnable.run(session, "main", inputs)
        before = session.statistics()["system_allocations"]
        for _ in range(10):
            runnable.run(session, "main", inputs)
        return {
            "allocations a call": (session.statistics()["system_allocations"] - before) / 10,
            "prepare s": report.seconds["prepare"],
            "parameter bytes": report.parameter_bytes,
        }
