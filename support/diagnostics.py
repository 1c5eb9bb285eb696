"""MLIR's diagnostics cut to a sentence and a place: they can carry a whole module."""

from __future__ import annotations

import re

from torch_mlir import ir

from stepwell.support.locations import describe_location

_LIMIT = 300


def first_diagnostic(failure: Exception) -> tuple[str, str | None]:
    """The first error of ``failure`` as (sentence, place or None)."""
    if isinstance(failure, ir.MLIRError) and failure.error_diagnostics:
        diagnostic = failure.error_diagnostics[0]
        return shorten(str(diagnostic.message)), describe_location(diagnostic.location)
    return shorten(str(failure)), None


def shorten(message: str) -> str:
    """The first line of ``message``, attribute dictionaries and long text cut."""
    line = message.strip().splitlines()[0] if message.strip() else "no reason given"
    line = re.sub(r"dense_resource<[^>]*>|dense<[^>]{40,}>", "dense<...>", line)
    return line if len(line) <= _LIMIT else line[: _LIMIT - 3] + "..."
