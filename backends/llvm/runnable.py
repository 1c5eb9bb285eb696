"""Loaded machine code: the runtime's model, and sessions on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from stepwell.backends.base import Runnable
from stepwell.backends.llvm.link import load_model
from stepwell.support import native
from stepwell.support.dtypes import torch_dtype
from stepwell.support.errors import ArtifactError
from stepwell.support.signature import Signature


class CpuRunnable(Runnable):
    """A model of the native runtime.

    Results of static shape are fresh tensors of ours; those of dynamic shape are asked for by the code as it runs.
    """

    def __init__(self, model: native.NativeModel, signatures: dict[str, Signature]) -> None:
        self._model = model
        self._signatures = signatures

    @staticmethod
    def from_objects(code: Sequence[bytes], signatures: dict[str, Signature], parameter_file: Path) -> CpuRunnable:
        """Link a model's objects into this process."""
        loaded = load_model(code, native.library())
        model = native.NativeModel.at(loaded.address("stepwell_model"), parameter_file, keep=loaded)
        return CpuRunnable(model, signatures)

    @staticmethod
    def from_library(path: Path, signatures: dict[str, Signature], parameter_file: Path) -> CpuRunnable:
        """Load an artifact's ``model.so``."""
        return CpuRunnable(native.NativeModel.open(path, parameter_file), signatures)

    def new_session(self) -> native.Session:
        return self._model.session()

    def rebind(self, parameter_file: Path) -> None:
        self._model.rebind(parameter_file)

    def set_threads(self, count: int) -> None:
        """Threads for parallel loops; 0 is one for each available core."""
        self._model.set_threads(count)

    def clone_session(self, session: Any) -> native.Session:
        copy: native.Session = session.clone()
        return copy

    def run(self, session: Any, entry: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        results: list[torch.Tensor] = session.run(entry, inputs)
        return results

    def direct(self, session: Any, entry: str) -> native.DirectCall | None:
        short_way: native.DirectCall | None = session.direct(entry)
        return short_way

    def state(self, session: Any, name: str) -> torch.Tensor:
        for signature in self._signatures.values():
            for spec in signature.states:
                if spec.name == name:
                    value: torch.Tensor = session.state(name)
                    return value.view(torch_dtype(spec.dtype))
        return super().state(session, name)


class ForeignRunnable(Runnable):
    """Code that was compiled for another machine: it can be saved; running it here raises ``refusal``."""

    def __init__(self, refusal: ArtifactError) -> None:
        self._refusal = refusal

    def new_session(self) -> native.Session:
        raise self._refusal

    def run(self, session: Any, entry: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        raise self._refusal
