"""Diagnostics of stepwell-opt: collected from MLIR and from our errors, printed, or checked against expectations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TextIO

from torch_mlir import ir

from stepwell.support.diagnostics import shorten
from stepwell.support.errors import Error
from stepwell.support.locations import describe_location

_PLACE = re.compile(r"(.*):(\d+):(\d+)", re.DOTALL)
_DUMP_NOTE = "see current operation"
_DUMP_LIMIT = 200


@dataclass(frozen=True)
class Diagnostic:
    """One message.

    Attributes:
        severity: ``error``, ``warning``, ``remark``, ``note``, or ``hint`` (what to do, which only we say).
        line: counted from 1; 0 where the place is unknown.
        detail: MLIR's own text behind a message that was cut.
    """

    severity: str
    file: str
    line: int
    column: int
    message: str
    detail: str = ""

    def is_aside(self) -> bool:
        """Whether this is a hint, or MLIR's note that repeats the operation (it can be a whole module)."""
        return self.severity == "hint" or (self.severity == "note" and self.message.startswith(_DUMP_NOTE))


class Collector:
    """Gathers the diagnostics of one piece of input; ``-`` in a location means ``file``, the input."""

    def __init__(self, context: ir.Context, file: str) -> None:
        self.file = file
        self.diagnostics: list[Diagnostic] = []
        self._handler = context.attach_diagnostic_handler(self._receive)

    def detach(self) -> None:
        """Stop listening to the context."""
        self._handler.detach()

    def add_failure(self, failure: ir.MLIRError) -> None:
        """Add every error that a failed call of MLIR carries; at least one."""
        self.diagnostics += self._flatten(failure.error_diagnostics)
        if not failure.error_diagnostics:
            self.diagnostics.append(self._at(None, "error", shorten(str(failure))))

    def add_error(self, error: Error) -> None:
        """Add an error of ours, and what MLIR said where it stems from a failed call of MLIR."""
        cause = error.__cause__ or error.__context__
        details = self._flatten(cause.error_diagnostics) if isinstance(cause, ir.MLIRError) else []
        first = self._at(error.where, "error", error.what)
        if details:
            first = replace(details[0], message=error.what, detail=details[0].message)
        self.diagnostics += [first, *details[1:]]
        for line in (error.hint or "").splitlines():
            self.diagnostics.append(replace(first, severity="hint", message=line.strip(), detail=""))

    def _receive(self, diagnostic: Any) -> bool:
        self.diagnostics += self._flatten([diagnostic])
        return True

    def _flatten(self, diagnostics: Iterable[Any]) -> list[Diagnostic]:
        flat: list[Diagnostic] = []
        for diagnostic in diagnostics:
            severity = diagnostic.severity.name.lower()
            flat.append(self._at(describe_location(diagnostic.location), severity, str(diagnostic.message)))
            flat += self._flatten(diagnostic.notes)
        return flat

    def _at(self, where: str | None, severity: str, message: str) -> Diagnostic:
        place = _PLACE.fullmatch(where or "")
        if place is None:
            return Diagnostic(severity, self.file, 0, 0, message)
        file = self.file if place[1] == "-" else place[1]
        return Diagnostic(severity, file, int(place[2]), int(place[3]), message)


def print_diagnostics(diagnostics: Iterable[Diagnostic], file: str, text: str, stream: TextIO) -> None:
    """Print ``file:line:column: severity: message``, with the line of ``text`` where the place is in ``file``."""
    lines = text.split("\n")
    for diagnostic in diagnostics:
        if diagnostic.is_aside() and len(diagnostic.message) > _DUMP_LIMIT:
            continue
        place = f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}" if diagnostic.line else diagnostic.file
        stream.write(f"{place}: {diagnostic.severity}: {shorten(diagnostic.message)}\n")
        if (
            diagnostic.severity not in ("note", "hint")
            and diagnostic.file == file
            and 0 < diagnostic.line <= len(lines)
        ):
            stream.write(f"{lines[diagnostic.line - 1]}\n{' ' * (diagnostic.column - 1)}^\n")
