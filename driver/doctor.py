"""What this machine has and lacks, with the command that supplies it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata

from stepwell.backends import registry
from stepwell.support.errors import Error

_PACKAGES = ("stepwell", "torch", "torch-mlir", "llvmlite", "numpy", "ml_dtypes", "safetensors")


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``detail`` is a version, or the command that supplies what is missing."""

    what: str
    present: bool
    detail: str


def examine() -> list[Finding]:
    """Versions, the machine, then what each target asks for."""
    findings = [Finding("python", True, platform.python_version()), *(_package(name) for name in _PACKAGES)]
    for name in registry.names():
        try:
            rows = registry.backend(name).doctor()
        except (Error, ImportError) as failure:
            rows = [("target", False, str(failure))]
        findings += [Finding(f"{name}: {what}", present, detail) for what, present, detail in rows]
    return findings


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, False, "pip install -r requirements.lock")
