"""Stepwell, from the ExportedProgram."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import stepwell
from bench.cpu.peers.base import Call, Contender
from stepwell.support.cache_folder import VARIABLE


class Stepwell(Contender):
    """Target ``cpu`` as it is; each call through Python, tensors in and out."""

    target = "cpu"

    def build(self, exported: torch.export.ExportedProgram, model: torch.nn.Module, args: tuple[Any, ...]) -> None:
        self._exported, self._args = exported, args
        self._executable: Any = stepwell.compile(exported, target=self.target, cache=False)

    def call(self, threads: int) -> Call:
        self._executable.runnable.set_threads(threads)
        executable, args = self._executable, self._args
        return lambda: executable(*args)

    def build_again(self) -> float:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, patch.dict(os.environ, {VARIABLE: folder}):
            for _ in range(2):
                start = time.perf_counter()
                stepwell.compile(self._exported, target=self.target)
                seconds = time.perf_counter() - start
        return seconds

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


class FastStepwell(Stepwell):
    """With products that assume ordinary numbers: Winograd's, and those of bf16 in tile registers."""

    target = "cpu,fp=fast"
