"""What stepwell-opt can tell about itself: its passes with their options, its version."""

from __future__ import annotations

import dataclasses
import typing
from importlib import metadata

from stepwell.passes import registry
from stepwell.passes.base import Pass, describe_type, format_value


def list_passes() -> str:
    """Our passes: name and summary, below each its options with type and default."""
    lines: list[str] = []
    for name in registry.names():
        cls = registry.lookup(name)
        lines.append(f"{name}: {cls.summary}")
        lines += [f"    {line}" for line in _options(cls)]
    lines.append("MLIR's and torch-mlir's passes are taken by their names as well.")
    return "\n".join(lines)


def _options(cls: type[Pass]) -> list[str]:
    hints = typing.get_type_hints(cls)
    described = []
    for field, default in zip(dataclasses.fields(cls), dataclasses.astuple(cls()), strict=True):
        name = field.name.replace("_", "-")
        help_text = field.metadata.get("help", "")
        text = f"{name}: {describe_type(hints[field.name])}, default {format_value(default) or 'none'}"
        described.append(f"{text}; {help_text}" if help_text else text)
    return described


def version_text() -> str:
    """Versions of Stepwell and of the MLIR below it."""
    lines = []
    for package in ("stepwell", "torch-mlir"):
        try:
            lines.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{package} (not installed as a package)")
    return "\n".join(lines)
