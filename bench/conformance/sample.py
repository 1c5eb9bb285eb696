"""One call of an operator: a model, what it is given, and what is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be off: ``absolute + relative * |expected|``; integers, ``whole``."""

    relative: float
    absolute: float
    whole: int = 0


@dataclass(frozen=True)
class Sample:
    """One call.

    Attributes:
        model: what is compiled.
        inputs: what it is called with.
        expected: computes what is right, as a structure of tensors and numbers; may raise where the call is invalid.
        exact: the same in float64, None where there is no such thing.
        tolerance: between the two; None for PyTorch's own by type.
        undefined: whether any result is right, as that of an operator that only allocates.
        name: what the suite calls it, if it has names.
    """

    model: torch.nn.Module | Path
    inputs: tuple[torch.Tensor, ...]
    expected: Callable[[], Any]
    exact: Callable[[], Any] | None = None
    tolerance: Tolerance | None = None
    undefined: bool = False
    name: str = ""


class Suite(Protocol):
    """A test suite of operators."""

    def operators(self) -> list[str]:
        """Their names, in order."""
        ...

    def samples(self, operator: str, seed: int) -> Sequence[Sample]:
        """All calls of one: the same ones for the same seed."""
        ...
