"""What stepwell-opt can tell about itself: its passes with their options, its version."""

from __future__ import annotations

import dataclasses
import typing
from importlib import metadata
from typing import Any, NamedTuple

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


def list_passes_data() -> list[dict[str, Any]]:
    """Our passes as plain data."""
    return [
        {"name": name, "summary": cls.summary, "options": [fact._asdict() for fact in _option_facts(cls)]}
        for name, cls in ((name, registry.lookup(name)) for name in registry.names())
    ]


class OptionFact(NamedTuple):
    """An option of a pass; ``default`` is how pipeline text spells it."""

    name: str
    type: str
    default: str
    help: str


def _option_facts(cls: type[Pass]) -> list[OptionFact]:
    hints = typing.get_type_hints(cls)
    return [
        OptionFact(
            field.name.replace("_", "-"),
            describe_type(hints[field.name]),
            format_value(default),
            field.metadata.get("help", ""),
        )
        for field, default in zip(dataclasses.fields(cls), dataclasses.astuple(cls()), strict=True)
    ]


def _options(cls: type[Pass]) -> list[str]:
    described = []
    for fact in _option_facts(cls):
        text = f"{fact.name}: {fact.type}, default {fact.default or 'none'}"
        described.append(f"{text}; {fact.help}" if fact.help else text)
    return described


def version_text() -> str:
    """Versions of Stepwell and of the MLIR below it."""
    return "\n".join(
        f"{package} {version or '(not installed as a package)'}" for package, version in versions().items()
    )


def versions() -> dict[str, str | None]:
    """Package -> version, None where it is not installed as a package."""
    found: dict[str, str | None] = {}
    for package in ("stepwell", "torch-mlir"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found
