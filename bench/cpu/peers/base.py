"""What a contender does for a race."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

Call = Callable[[], Any]


class Contender(ABC):
    """Compiles one model and calls it; an exception in any method means that it refuses the case.

    Attributes:
        keeps_state: whether it takes models that change their buffers.
    """

    keeps_state = True

    @abstractmethod
    def build(self, exported: torch.export.ExportedProgram, model: torch.nn.Module, args: tuple[Any, ...]) -> None:
        """Turn the model into code; this is what the compile time counts (the export is done)."""

    @abstractmethod
    def call(self, threads: int) -> Call:
        """A call of the code with the example arguments, on so many threads; its result is a tree of tensors."""

    def results(self, value: Any) -> Any:
        """What the call gave as torch tensors; not part of the time."""
        return value

    def build_again(self) -> float:
        """Seconds of building the same once more, with what a cache on disk kept of the first time.

        Raises:
            NotImplementedError: this contender keeps nothing that is measured.
        """
        raise NotImplementedError("has no cache")

    def save(self, folder: Path) -> None:
        """Write what another process needs to run the model.

        Raises:
            NotImplementedError: this contender has no such thing.
        """
        raise NotImplementedError("has no artifact")

    def load(self, folder: Path) -> None:
        """Make what :meth:`save` wrote runnable; this is what the load time counts."""
        raise NotImplementedError("has no artifact")

    def facts(self) -> dict[str, float]:
        """Numbers that only this contender can tell (seconds of prepare, allocations a call)."""
        return {}
