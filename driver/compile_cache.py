"""Compiled code by content: the same graph for the same target, made by the same software, is compiled once.

An entry holds the code and how weights become its parameters, never weights: those come from the model each time. The
parameter files that were made of weights are kept beside, by the content of the weights.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stepwell.backends.base import Backend, Code
from stepwell.backends.target import Target
from stepwell.driver.assemble import OwnFile, assemble
from stepwell.driver.executable import PROGRAM, SCHEDULES, Executable, WeightFacts
from stepwell.driver.report import CompileReport
from stepwell.frontend.boundary import live_trees
from stepwell.frontend.fingerprint import checkpoint, fingerprint, weights_digest
from stepwell.frontend.load import Exported
from stepwell.passes.pipeline import Nested, Pipeline, Upstream
from stepwell.support import native_library
from stepwell.support.cache_folder import cache_folder
from stepwell.support.errors import UsageError
from stepwell.support.kept_files import KeptFiles
from stepwell.support.kept_parameters import KeptParameters
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature

#: Environment variable: megabytes that code may take, and that parameter files may.
SIZE = "STEPWELL_CACHE_SIZE"
_DEFAULT_MEGABYTES = 1024
_SOFTWARE = ("stepwell", "torch", "torch-mlir", "llvmlite")
_ROOMS = ("backends", "dialects", "driver", "frontend", "passes", "support")
_PREPARE = "prepare.mlir"


def kept_code() -> KeptFiles | None:
    """The entries in the user's cache folder; None where nothing is to be kept.

    Raises:
        UsageError: the size in the environment is no number.
    """
    folder = cache_folder()
    return None if folder is None else KeptFiles(folder / "code", _limit())


def kept_parameters() -> KeptParameters | None:
    """The parameter files in the user's cache folder; raises and gives None as :func:`kept_code`."""
    folder = cache_folder()
    return None if folder is None else KeptParameters(folder / "parameters", _limit())


def cache_key(
    exported: Sequence[Exported], backend: Backend, target: Target, pipeline: Pipeline | None = None
) -> str | None:
    """The key of a compilation; None where something takes part that a key can't tell apart: passes, targets or
    operators from elsewhere.

    Args:
        pipeline: None for the target's own, which follows from the target and our sources.
    """
    own = pipeline is None or all(map(_is_ours, pipeline.elements()))
    if not own or not type(backend).__module__.startswith("stepwell."):
        return None
    graphs = [fingerprint(entry) for entry in exported]
    if None in graphs:
        return None
    schedules = [
        (str(entry.key), entry.cpu, sorted(entry.values.items())) for entry in backend.schedules(target).entries
    ]
    parts = (graphs, str(target), str(pipeline), sorted(schedules), versions(), sources(), sys.version_info[:2])
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def find(
    kept: KeptFiles, key: str, exported: Sequence[Exported], backend: Backend, target: Target, report: CompileReport
) -> Executable | None:
    """The executable under ``key``, with the weights of ``exported``; None where it is not there."""
    with report.timed("cache"):
        entry = kept.read(key)
        store = checkpoint(exported) if entry is not None else None
        if entry is None or store is None:
            return None
        facts, blobs = entry
        weights = WeightFacts(**facts["weights"])
        if any(name not in store or store.digest(name) != digest for name, digest in weights.read.items()):
            return None
        prepare = blobs.pop(_PREPARE, b"").decode()
        sources = {name: blobs.pop(name).decode() for name in (PROGRAM, SCHEDULES) if name in blobs}
        files, of_weights = kept_parameters(), parameters_key(exported, prepare, facts["layout"])
        held = files.find(of_weights) if files is not None and of_weights is not None else None
        if held is None and not _complete(store, prepare, facts["layout"]):
            return None
    report.notes = {**facts["notes"], "cache": {"key": key}}
    signatures = {name: Signature.from_json(data) for name, data in facts["entries"].items()}
    trees = {entry.entry: live_trees(entry.program) for entry in exported}
    code = Code(blobs, facts["facts"], facts["layout"])
    executable = assemble(
        backend, target, code, signatures, trees=trees, prepare=prepare, weights=weights, sources=sources,
        report=report, file=held or OwnFile(store, report),
    )  # fmt: skip
    if held is None:
        _keep_parameters(of_weights, executable)
    return executable


def keep(kept: KeptFiles, key: str, exported: Sequence[Exported], executable: Executable) -> None:
    """Keep what ``executable`` is made of, if the models have all that its parameters are made from."""
    store = checkpoint(exported)
    if store is None:
        return
    blobs = executable.code.files | {name: text.encode() for name, text in executable.sources.items()}
    if executable.prepare:
        blobs[_PREPARE] = executable.prepare.encode()
    if not _complete(store, executable.prepare, executable.code.layout):
        return
    facts = {
        "model": ", ".join(entry.origin for entry in exported),
        "target": str(executable.target),
        "entries": {name: signature.to_json() for name, signature in executable.signatures.items()},
        "facts": executable.code.facts,
        "layout": executable.code.layout,
        "weights": asdict(executable.weights),
        "notes": executable.report.notes if executable.report else {},
    }
    kept.write(key, facts, blobs)
    _keep_parameters(parameters_key(exported, executable.prepare, executable.code.layout), executable)


def parameters_key(exported: Sequence[Exported], prepare: str, layout: Mapping[str, int]) -> str | None:
    """The key of the parameter file that the weights of ``exported`` become; None where it could not be kept."""
    weights = weights_digest(exported, limit=_limit())
    if weights is None:
        return None
    parts = (weights, prepare, sorted(layout.items()), versions(), sources())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _keep_parameters(key: str | None, executable: Executable) -> None:
    files = kept_parameters()
    held = files.add(key, executable.parameter_file) if files is not None and key is not None else None
    if held is not None:
        executable.hold(held)


def versions() -> dict[str, str]:
    """Of the packages that decide what the code is."""
    return {name: version(name) for name in _SOFTWARE}


@cache
def sources() -> str:
    """SHA-256 of Stepwell's own files: in a checkout they change while the version does not."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        spec = importlib.util.find_spec(f"stepwell.{room}")
        for place in (spec.submodule_search_locations or []) if spec else []:
            for path in sorted(Path(place).rglob("*.py")):
                digest.update(f"{room}/{path.relative_to(place)}\n".encode() + path.read_bytes())
    digest.update(native_library.archive().read_bytes())
    return digest.hexdigest()


def _complete(store: ParameterStore, prepare: str, layout: Iterable[str]) -> bool:
    """Add the parameters that ``prepare`` makes to ``store``; whether all of ``layout`` is there or can be made."""
    sources: list[str] = []
    if prepare:
        from torch_mlir import ir

        from stepwell.dialects.context import make_context
        from stepwell.driver.prepare import add_prepared, prepared_parameters

        module = ir.Module.parse(prepare, make_context())
        sources = [source.name for prepared in prepared_parameters(module) for source in prepared.sources]
        add_prepared(module, store)
    return all(name in store for name in (*layout, *sources))


def _limit() -> int:
    text = os.environ.get(SIZE, "") or str(_DEFAULT_MEGABYTES)
    if not text.isdecimal():
        raise UsageError(f"{SIZE} is '{text}'", hint="give the number of megabytes that the cache may take")
    return int(text) << 20


def _is_ours(element: Any) -> bool:
    if isinstance(element, Nested):
        return all(map(_is_ours, element.elements))
    return isinstance(element, Upstream) or type(element).__module__.startswith("stepwell.")
