"""What this machine has and lacks, with the command that supplies it."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from importlib import metadata

from stepwell.backends import registry
from stepwell.support.errors import Error

_REQUIREMENT = re.compile(r"([\w.-]+)\s*(==)?\s*([\w.]*)")


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``detail`` is a version, or the command that supplies what is missing."""

    what: str
    present: bool
    detail: str


def examine() -> list[Finding]:
    """Versions, the machine, then what each target asks for."""
    findings = [Finding("python", True, platform.python_version()), *_packages()]
    for name in registry.names():
        try:
            rows = registry.backend(name).doctor() or [("target", True, "needs nothing more")]
        except (Error, ImportError) as failure:
            rows = [("target", False, str(failure))]
        findings += [Finding(f"{name}: {what}", present, detail) for what, present, detail in rows]
    return findings


def _packages() -> list[Finding]:
    """Stepwell and what it requires; versions are compared where they are pinned."""
    try:
        findings = [Finding("stepwell", True, metadata.version("stepwell"))]
        required = metadata.requires("stepwell") or []
    except metadata.PackageNotFoundError:
        return [Finding("stepwell", False, "pip install . (in the source folder)")]
    for requirement in required:
        match = _REQUIREMENT.match(requirement)
        if match is not None and ";" not in requirement:  # a marker stands before each optional one
            findings.append(_package(match[1], match[3] if match[2] else None, f"pip install '{requirement}'"))
    return findings


def _package(name: str, pinned: str | None, command: str) -> Finding:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, False, command)
    if pinned is not None and version.partition("+")[0] != pinned:
        return Finding(name, False, f"{version}, but {pinned} is needed: {command}")
    return Finding(name, True, version)
