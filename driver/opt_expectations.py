"""``--verify-diagnostics``: expected-error and its kin, with mlir-opt's spellings.

``expected-SEVERITY[-re] [@+N|@-N|@above|@below|@unknown] {{text}}`` at the end of a line. With ``-re`` the parts of
the text in ``{{...}}`` are regular expressions. ``@above`` and ``@below`` mean the nearest line without an expectation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stepwell.driver.opt_diagnostics import Diagnostic

_EXPECTED = re.compile(
    r"expected-(error|note|remark|warning)(-re)? *(?:@([+-][0-9]+|above|below|unknown))? *\{\{(.*)\}\}\s*$"
)
_REGEX_PART = re.compile(r"\{\{(.*?)\}\}")


@dataclass(frozen=True)
class Expectation:
    """A diagnostic that must come: at ``line`` (0: at no known place), as written on line ``written``."""

    severity: str
    line: int
    written: int
    text: str
    pattern: re.Pattern[str]

    def fits(self, diagnostic: Diagnostic, file: str) -> bool:
        """Whether ``diagnostic`` is the expected one."""
        line = diagnostic.line if diagnostic.file == file else 0
        if (diagnostic.severity, line) != (self.severity, self.line):
            return False
        return self.pattern.search(f"{diagnostic.message}\n{diagnostic.detail}") is not None


def check_expectations(
    text: str, file: str, diagnostics: Sequence[Diagnostic], *, only_expected: bool
) -> list[Diagnostic]:
    """Compare ``diagnostics`` with the expectations in ``text``; each mismatch comes back as an error."""
    mismatches: list[Diagnostic] = []
    pending = [diagnostic for diagnostic in diagnostics if not diagnostic.is_aside()]
    for expectation in find_expectations(text):
        found = next((d for d in pending if expectation.fits(d, file)), None)
        if found is not None:
            pending.remove(found)
        else:
            message = f'expected {expectation.severity} "{expectation.text}" was not produced'
            mismatches.append(Diagnostic("error", file, expectation.written, 1, message))
    if not only_expected:
        for diagnostic in pending:
            message = f"unexpected {diagnostic.severity}: {diagnostic.message}"
            mismatches.append(Diagnostic("error", diagnostic.file, diagnostic.line, diagnostic.column, message))
    return mismatches


def find_expectations(text: str) -> list[Expectation]:
    """All expectations in ``text``, lines counted from 1."""
    lines = text.split("\n")
    matches = [_EXPECTED.search(line) for line in lines]
    found: list[Expectation] = []
    for number, match in enumerate(matches, start=1):
        if match is not None:
            line = _target_line(match[3], number, matches)
            found.append(Expectation(match[1], line, number, match[4], _pattern(match[4], regex=bool(match[2]))))
    return found


def _target_line(place: str | None, number: int, matches: Sequence[re.Match[str] | None]) -> int:
    if place is None:
        return number
    if place == "unknown":
        return 0
    if place in ("above", "below"):
        step = -1 if place == "above" else 1
        line = number + step
        while 1 <= line <= len(matches) and matches[line - 1] is not None:
            line += step
        return line
    return number + int(place)


def _pattern(text: str, *, regex: bool) -> re.Pattern[str]:
    if not regex:
        return re.compile(re.escape(text))
    parts = _REGEX_PART.split(text)  # literal, regex, literal, ...
    return re.compile("".join(part if index % 2 else re.escape(part) for index, part in enumerate(parts)))
