"""Other weights for compiled code: prepared as the first ones were, laid out as the code expects them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.dialects.context import make_context
from stepwell.driver.artifact import PARAMETERS, load_artifact
from stepwell.driver.executable import Executable
from stepwell.driver.manifest import NAME as MANIFEST
from stepwell.driver.manifest import read_content, write_manifest
from stepwell.driver.prepare import Prepared, prepared_parameters
from stepwell.support import parameter_file
from stepwell.support.atomic import new_folder, unwritable
from stepwell.support.carried import carried
from stepwell.support.checked_files import file_digest
from stepwell.support.errors import ArtifactError
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import TensorSpec


@dataclass(frozen=True)
class Rebound:
    """What was done: names of the weights taken, of those made from them, and of the constants that were kept."""

    taken: list[str] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def rebind_artifact(folder: Path, weights: Path) -> Rebound:
    """Give the artifact in ``folder`` the weights of a safetensors file; it changes as a whole or not at all.

    Programs that have it loaded go on with the old weights until they load it again, or are told to by
    ``sw_model_rebind``.

    Raises:
        ArtifactError: a weight is missing or has another shape, or the code depends on the old values.
    """
    executable = load_artifact(folder)
    with new_folder(folder) as temporary:
        try:
            for path in folder.iterdir():
                if path.name not in (PARAMETERS, MANIFEST):
                    shutil.copy2(path, temporary / path.name)
        except OSError as failure:
            raise unwritable(folder, failure) from None
        rebound = write_rebound(executable, parameter_file.open_file(weights), str(weights), temporary / PARAMETERS)
        content = read_content(folder)
        content["files"][PARAMETERS] = file_digest(temporary / PARAMETERS)
        write_manifest(temporary, content)
    return rebound


def write_rebound(
    executable: Executable, weights: Mapping[str, np.ndarray[Any, Any]], origin: str, path: Path
) -> Rebound:
    """Write the parameter file of ``executable``'s code for other weights to ``path``.

    Args:
        weights: by the names that the model's ``state_dict`` has; more of them do no harm.
        origin: what to call them in messages.

    Raises:
        ArtifactError: a weight is missing or has another shape or type, or the code depends on the old values.
    """
    binding = _Binding(executable, weights, origin)
    store = binding.store()
    parameter_file.write(path, store, executable.code.layout)
    return binding.done


def open_weights(weights: str | Path | Mapping[str, Any]) -> tuple[Mapping[str, np.ndarray[Any, Any]], str]:
    """Weights by name from a safetensors file or from tensors, and what to call them in messages."""
    if isinstance(weights, (str, Path)):
        return parameter_file.open_file(Path(weights)), str(weights)
    from stepwell.frontend.bindings import to_numpy

    return {name: to_numpy(carried(value)) for name, value in weights.items()}, "the given weights"


class _Binding:
    def __init__(self, executable: Executable, weights: Mapping[str, np.ndarray[Any, Any]], origin: str) -> None:
        self.layout = executable.code.layout
        self.facts = executable.weights
        self.old = parameter_file.open_file(executable.parameter_file)
        self.weights = weights
        self.origin = origin
        self.done = Rebound()
        self.prepared: dict[str, Prepared] = {}
        if executable.prepare:
            # The functions hold on to the module, which must live as long as they do.
            self.module = ir.Module.parse(executable.prepare, make_context())
            self.prepared = {prepared.name: prepared for prepared in prepared_parameters(self.module)}

    def store(self) -> ParameterStore:
        """The new parameters by the names that the layout has, and the sources of those that are prepared."""
        for name, digest in self.facts.read.items():
            if self._digest(name) != digest:
                raise ArtifactError(
                    f"the code depends on the old values of '{name}', which '{self.origin}' changes",
                    hint="compile the model again with the new weights",
                )
        store = ParameterStore()
        for name in self.layout:
            if name in self.prepared:
                self._add_prepared(store, self.prepared[name])
            else:
                self._add(store, name, self.old.spec(name))
        return store

    def _add(self, store: ParameterStore, name: str, spec: TensorSpec) -> None:
        """A weight from the new file, or a constant from the old one."""
        found = self._find(name)
        if found is None and self._is_constant(name) and name in self.old:
            store.add(name, lambda: self.old[name], spec)
            self.done.kept.append(name)
            return
        if found is None:
            raise ArtifactError(
                f"'{self.origin}' lacks weight '{name.removeprefix('state:')}'",
                hint="give a file with the names of the model's state_dict",
            )
        array = self.weights[found]
        store.add(name, lambda: self.weights[found])
        given = store.spec(name)
        # Below the torch dialect integers have no sign.
        same = given.dtype.removeprefix("u") == spec.dtype.removeprefix("u")
        if not same or tuple(array.shape) != spec.shape:
            raise ArtifactError(
                f"weight '{found}' is {_kind(given)} in '{self.origin}', the code takes {_kind(spec)}",
                hint="weights of other shapes or types need a compilation of their own",
            )
        self.done.taken.append(found)

    def _add_prepared(self, store: ParameterStore, prepared: Prepared) -> None:
        if all(self._find(source.name) is None and self._is_constant(source.name) for source in prepared.sources):
            store.add(prepared.name, lambda: self.old[prepared.name], prepared.spec)
            self.done.kept.append(prepared.name)
            return
        for source in prepared.sources:
            if source.name not in store:
                self._add(store, source.name, source)
        store.add(prepared.name, lambda: prepared.compute(store), prepared.spec)
        self.done.prepared.append(prepared.name)

    def _find(self, name: str) -> str | None:
        """What the new weights call ``name``; of tied weights a file may have either."""
        plain = name.removeprefix("state:")
        names = [plain, *(other for other, owner in self.facts.ties.items() if owner == plain)]
        return next((candidate for candidate in names if candidate in self.weights), None)

    def _is_constant(self, name: str) -> bool:
        return name.removeprefix("state:") in self.facts.constants

    def _digest(self, name: str) -> str:
        found = self._find(name)
        array = self.weights[found] if found is not None else self.old[name]
        return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()


def _kind(spec: TensorSpec) -> str:
    return "x".join([*map(str, spec.shape), spec.dtype])
