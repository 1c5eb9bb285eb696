"""Weights outside the IR: values by name, from live tensors or a memory-mapped safetensors file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from stepwell.support.dtypes import from_numpy
from stepwell.support.errors import ArtifactError
from stepwell.support.signature import TensorSpec

Loader = Callable[[], np.ndarray[Any, Any]]


class ParameterStore(Mapping[str, np.ndarray[Any, Any]]):
    """Ordered name -> array; an array is made (or mapped) when it is asked for and not kept.

    bfloat16 and float8 arrays carry ``ml_dtypes`` dtypes. Several names may share one loader (tied weights).

    Attributes:
        constants: names that a checkpoint of the model does not have (non-persistent buffers, constants).
        ties: name of a tied weight -> the name that stands for it.
    """

    def __init__(self) -> None:
        self.constants: set[str] = set()
        self.ties: dict[str, str] = {}
        self._loaders: dict[str, Loader] = {}
        self._specs: dict[str, TensorSpec] = {}
        self._digests: dict[str, str] = {}

    def add(self, name: str, loader: Loader, spec: TensorSpec | None = None) -> None:
        """Register parameter ``name``; ``loader`` gives its value as a C-contiguous array, any shape.

        Args:
            spec: dtype and static shape, where they are known without loading.
        """
        self._loaders[name] = loader
        self._digests.pop(name, None)
        self._specs.pop(name, None)
        if spec is not None:
            self._specs[name] = spec

    def remove(self, name: str) -> None:
        """Forget parameter ``name``."""
        del self._loaders[name]
        self._digests.pop(name, None)
        self._specs.pop(name, None)

    def spec(self, name: str) -> TensorSpec:
        """Dtype and shape of parameter ``name``; loads it once where they were not given."""
        if name not in self._specs:
            array = self[name]
            self._specs[name] = TensorSpec(name, from_numpy(array.dtype), tuple(array.shape))
        return self._specs[name]

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        if name not in self._loaders:
            raise ArtifactError(
                f"there is no parameter '{name}'", hint="the parameter file may belong to another model"
            )
        return self._loaders[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._loaders

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def digest(self, name: str) -> str:
        """SHA-256 of the parameter's bytes, in hexadecimal; computed once."""
        if name not in self._digests:
            self._digests[name] = hashlib.sha256(np.ascontiguousarray(self[name]).view(np.uint8).data).hexdigest()
        return self._digests[name]
