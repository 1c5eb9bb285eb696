"""The artifact folder: one shape for all targets, written whole, trusted only after its checks."""

from __future__ import annotations

import hashlib
import platform
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stepwell.backends.base import Code
from stepwell.backends.registry import backend as find_backend
from stepwell.driver.executable import PROGRAM, SCHEDULES, Executable
from stepwell.driver.header import c_header
from stepwell.driver.manifest import NAME as MANIFEST
from stepwell.driver.manifest import read_manifest, write_manifest
from stepwell.support.atomic import check_writable, new_folder, unwritable
from stepwell.support.checked_files import file_digest
from stepwell.support.errors import ArtifactError, UsageError

PARAMETERS = "model.safetensors"
_PREPARE = "prepare.mlir"


def check_place(folder: Path) -> None:
    """Check that :func:`save_artifact` may write to ``folder``, ahead of the work that makes an executable.

    Raises:
        ArtifactError: ``folder`` is something else than an artifact, or can't be written.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArtifactError(
            f"'{folder}' exists and is no artifact", hint="choose another folder, it is not overwritten"
        )
    check_writable(folder)


def save_artifact(executable: Executable, folder: Path) -> None:
    """Write ``executable`` as an artifact folder, replacing one that stands there.

    Raises:
        ArtifactError: ``folder`` is something else than an artifact, or can't be written.
        UsageError: a class among arguments or results can't be named in a file.
    """
    check_place(folder)
    for entry in executable.signatures:
        executable.plan(entry).check_named()
    backend = find_backend(executable.target.name)
    code = backend.package(executable.code, executable.parameter_file)
    files = code.files | {name: text.encode() for name, text in executable.sources.items()}
    files.setdefault("model.h", c_header(executable.signatures, executable.target).encode())
    if executable.prepare:
        files[_PREPARE] = executable.prepare.encode()
    with new_folder(folder) as temporary:
        try:
            for name, data in files.items():
                (temporary / name).write_bytes(data)
            shutil.copyfile(executable.parameter_file, temporary / PARAMETERS)
        except OSError as failure:
            raise unwritable(folder, failure) from None
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        hashes[PARAMETERS] = file_digest(temporary / PARAMETERS)
        write_manifest(temporary, _content(executable, code, hashes))


def load_artifact(folder: Path) -> Executable:
    """Load an artifact folder after checking format, versions and hashes; the backend checks the machine.

    Raises:
        ArtifactError: names what is missing, damaged or made for something else.
    """
    manifest = read_manifest(folder)
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"'{path}' is missing", hint="compile the artifact again")
        if file_digest(path) != expected:
            raise ArtifactError(f"the hash of '{path}' does not match '{MANIFEST}'", hint="compile the artifact again")
    try:
        backend = find_backend(manifest.target.name)
    except UsageError as failure:
        raise ArtifactError(f"'{folder}' was compiled for an unknown target: {failure.what}") from None
    code = Code({name: (folder / name).read_bytes() for name in manifest.code}, manifest.facts, manifest.layout)
    file = folder / PARAMETERS
    try:
        runnable = backend.load(code, manifest.signatures, file, folder)
    except (KeyError, TypeError, ValueError, AttributeError) as failure:
        raise ArtifactError(
            f"'{folder}' does not hold what target '{manifest.target}' needs: {failure}", hint="compile it again"
        ) from failure
    prepare = (folder / _PREPARE).read_text() if _PREPARE in manifest.files else ""
    sources = {name: (folder / name).read_text() for name in (PROGRAM, SCHEDULES) if name in manifest.files}
    return Executable(
        manifest.target, code, runnable, manifest.signatures, file, prepare=prepare, weights=manifest.weights,
        sources=sources,
    )  # fmt: skip


def _content(executable: Executable, code: Code, hashes: dict[str, str]) -> dict[str, Any]:
    target = {"name": executable.target.name, "options": executable.target.options}
    return {
        "versions": {name: version(name) for name in ("stepwell", "torch", "torch-mlir", "llvmlite")},
        "machine": platform.machine(),
        "target": target,
        "entries": {name: signature.to_json() for name, signature in executable.signatures.items()},
        "regions": [{"entry": name, "target": executable.target.name} for name in executable.signatures],
        "layout": code.layout,
        "weights": asdict(executable.weights),
        "facts": code.facts,
        "code": sorted(code.files),
        "files": hashes,
    }
