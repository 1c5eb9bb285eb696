"""The artifact folder: one shape for all targets, written whole, trusted only after its checks."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stepwell.backends.base import Code
from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.executable import Executable, WeightFacts
from stepwell.driver.header import c_header
from stepwell.support.atomic import new_folder, unwritable
from stepwell.support.errors import ArtifactError, UsageError
from stepwell.support.signature import Signature

FORMAT = 2
PARAMETERS = "model.safetensors"
MANIFEST = "model.json"


def save_artifact(executable: Executable, folder: Path) -> None:
    """Write ``executable`` as an artifact folder, replacing one that stands there.

    Raises:
        ArtifactError: ``folder`` is something else than an artifact, or can't be written.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArtifactError(
            f"'{folder}' exists and is no artifact", hint="choose another folder, it is not overwritten"
        )
    backend = find_backend(executable.target.name)
    code = backend.package(executable.code)
    files = dict(code.files)
    files["model.h"] = c_header(executable.signatures, executable.target).encode()
    if executable.prepare:
        files["prepare.mlir"] = executable.prepare.encode()
    with new_folder(folder) as temporary:
        try:
            for name, data in files.items():
                (temporary / name).write_bytes(data)
            shutil.copyfile(executable.parameter_file, temporary / PARAMETERS)
        except OSError as failure:
            raise unwritable(folder, failure) from None
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        hashes[PARAMETERS] = file_digest(temporary / PARAMETERS)
        (temporary / MANIFEST).write_text(json.dumps(_manifest(executable, code, hashes), indent=1, sort_keys=True))


def load_artifact(folder: Path) -> Executable:
    """Load an artifact folder after checking format, versions and hashes; the backend checks the machine.

    Raises:
        ArtifactError: names what is missing, damaged or made for something else.
    """
    manifest = read_manifest(folder)
    hashes = manifest["files"]
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"'{path}' is missing", hint="compile the artifact again")
        if file_digest(path) != expected:
            raise ArtifactError(f"the hash of '{path}' does not match '{MANIFEST}'", hint="compile the artifact again")
    target = Target(manifest["target"]["name"], **manifest["target"]["options"])
    try:
        backend = find_backend(target.name)
    except UsageError as failure:
        raise ArtifactError(f"'{folder}' was compiled for an unknown target: {failure.what}") from None
    signatures = {name: Signature.from_json(data) for name, data in manifest["entries"].items()}
    kept = {name: (folder / name).read_bytes() for name in manifest["code"]}
    code = Code(kept, manifest["facts"], manifest["layout"])
    file = folder / PARAMETERS
    runnable = backend.load(code, signatures, file, folder)
    prepare = (folder / "prepare.mlir").read_text() if "prepare.mlir" in hashes else ""
    weights = WeightFacts(**manifest["weights"])
    return Executable(target, code, runnable, signatures, file, prepare=prepare, weights=weights)


def read_manifest(folder: Path) -> dict[str, Any]:
    """``model.json`` of an artifact, its format and version checked."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtifactError(f"'{folder}' is no artifact: it has no {MANIFEST}", hint="stepwell compile -o writes one")
    try:
        manifest = json.loads(path.read_text())
        written, wanted = manifest["format"], {"target", "entries", "files", "facts", "layout", "code", "weights"}
    except (ValueError, KeyError, TypeError, OSError):
        raise ArtifactError(f"'{path}' is corrupt or truncated", hint="compile the artifact again") from None
    if written != FORMAT:
        raise ArtifactError(
            f"'{folder}' has artifact format {written}, this version reads {FORMAT}",
            hint=f"it was written by stepwell {manifest.get('versions', {}).get('stepwell', 'unknown')}: compile again",
        )
    if missing := wanted - set(manifest):
        raise ArtifactError(f"'{path}' lacks {', '.join(sorted(missing))}", hint="compile the artifact again")
    assert isinstance(manifest, dict)
    return manifest


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _manifest(executable: Executable, code: Code, hashes: dict[str, str]) -> dict[str, Any]:
    target = {"name": executable.target.name, "options": executable.target.options}
    return {
        "format": FORMAT,
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
