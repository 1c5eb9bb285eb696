"""Models to tune, and times to plant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.compile import Compilation
from stepwell.driver.tuning import worker
from stepwell.driver.tuning.measure import Impossible, Measurer, Race
from stepwell.frontend.mlir_file import parse_program
from stepwell.passes.pipeline import parse_pipeline
from stepwell.passes.schedules.book import Entry, Schedules
from stepwell.passes.schedules.database import parse_database
from stepwell.support.errors import ExecutionError, ScheduleError
from stepwell.support.parameters import ParameterStore


class Small(torch.nn.Module):
    """A convolution with an epilogue, pooling, a product, and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(4, 16, 3, padding=1)
        self.head = torch.nn.Linear(16 * 8, 40)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.nn.functional.max_pool2d(torch.relu(self.convolution(x)), 2)
        return torch.softmax(self.head(y.flatten(2).transpose(1, 2).reshape(x.shape[0], 8, -1)), -1)


def make() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The small model and an image."""
    torch.manual_seed(0)
    return Small().eval(), (torch.randn(1, 4, 16, 16),)


def lower(text: str, pipeline: str, entries: list[Entry]) -> Schedules:
    """What a nest asks for on its way to the end of the buffer level, where all but loops are decided."""
    schedules = Schedules(entries, entries[0].cpu if entries else "")
    program = parse_program(text, ParameterStore(), "nest.mlir")
    backend = find_backend("cpu")
    passes = parse_pipeline(pipeline)
    Compilation(program, backend, backend.resolve(Target("cpu")), passes, schedules=schedules).lower("buffer")
    return schedules


Ratio = Callable[[Entry], float]


class Planted(Measurer):
    """Compiles in this process; times are planted: ``ratio`` of a variant, ``call`` of the whole model."""

    def __init__(self, ratio: Ratio, call: Callable[[int], float], threads: int = 1) -> None:
        super().__init__(threads)
        self.ratio = ratio
        self.call = call
        self.tried: list[Entry] = []
        self.races = 0

    def _start(self) -> Any:
        raise AssertionError("nothing is asked of a process")

    def _ask(self, what: str, **request: Any) -> dict[str, Any]:
        if what == "nest" and request["variant"]:
            entries = parse_database(request["variant"], "test").entries
            try:
                lower(request["text"], request["pipeline"], entries)
            except ScheduleError as error:
                raise Impossible(error.what) from None
            self.tried.append(entries[-1])
            return {"own": 1e-3, "seconds": 1e-3 * self.ratio(entries[-1])}
        handler: Any = worker._HANDLERS[what]
        answer: dict[str, Any] = handler(**request, threads=self.threads)
        return answer

    def heat(self, folder: Path, entry: str) -> list[tuple[frozenset[str], float]]:
        kernels = self._ask("heat", folder=str(folder), entry=entry, seconds=0.0)["kernels"]
        return [(frozenset(nodes), seconds) for nodes, seconds in kernels]

    def models(self, old: Path, new: Path, entry: str, seconds: float) -> Race:
        self.races += 1
        found = super().models(old, new, entry, 0.01)  # it runs, and computes the same
        assert found.ratio > 0
        ratio = self.call(self.races)
        return Race(1.0, ratio, ratio)


def contents(folder: Path) -> dict[str, bytes]:
    """What an artifact holds, measurements left out."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "tuning.jsonl"}


def failing(number: int) -> Ratio:
    """Every variant is slow, the ``number``-th crashes."""
    count = 0

    def ratio(_: Entry) -> float:
        nonlocal count
        count += 1
        if count == number:
            raise ExecutionError("the process died of signal 11")
        return 1.5

    return ratio
