"""PyTorch: eager, and torch.compile with Inductor."""

from __future__ import annotations

import copy
from typing import Any

import torch

from bench.cpu.peers.base import Call, Contender


class Eager(Contender):
    """The model itself, without autograd."""

    def build(self, exported: torch.export.ExportedProgram, model: torch.nn.Module, args: tuple[Any, ...]) -> None:
        self._model, self._args = copy.deepcopy(model), args

    def call(self, threads: int) -> Call:
        torch.set_num_threads(threads)
        model, args = self._model, self._args
        return lambda: model(*args)


class Inductor(Contender):
    """torch.compile with freezing, as its documentation asks for inference; nothing from a cache of earlier runs."""

    settings: dict[str, Any] = {}  # noqa: RUF012 (never changed)

    def build(self, exported: torch.export.ExportedProgram, model: torch.nn.Module, args: tuple[Any, ...]) -> None:
        import torch._inductor.config as config

        torch._dynamo.reset()
        config.freezing = True
        config.force_disable_caches = True
        self._model, self._args = model, args
        self._compiled: dict[int, Any] = {}
        self._compile()

    def call(self, threads: int) -> Call:
        torch.set_num_threads(threads)
        if threads not in self._compiled:
            self._compile()
        compiled, args = self._compiled[threads], self._args
        return lambda: compiled(*args)

    def _compile(self) -> None:
        # The number of threads is written into the code.
        compiled: Any = torch.compile(copy.deepcopy(self._model), **self.settings)
        compiled(*self._args)
        self._compiled[torch.get_num_threads()] = compiled


class MaxAutotune(Inductor):
    """The same, trying several kernels for each product and convolution."""

    settings = {"mode": "max-autotune-no-cudagraphs"}  # noqa: RUF012 (never changed)
