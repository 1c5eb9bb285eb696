"""How something fails, and whether something else fails in the same way."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from stepwell.support.errors import Error

# What differs between two inputs that fail alike: names of values, types, numbers.
_VARIABLE = ((re.compile(r"%[\w#]+"), "%"), (re.compile(r"<[^<>]*>"), "<>"), (re.compile(r"\d+"), "N"))
_ROW = re.compile(r"^(operator|dtype|dynamic shape|state)  +(.+?)  +\d+  ", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """One failure.

    Attributes:
        kind: the error's class, ``crash``, ``hang``, ``deviates`` or ``script``.
        message: for people.
        heads: what it is recognised by; a refusal has one for each kind of thing that is refused.
    """

    kind: str
    message: str
    heads: frozenset[str]

    def like(self, other: Failure) -> bool:
        """Whether this is ``other``, or a part of it."""
        return self.kind == other.kind and bool(self.heads) and self.heads <= other.heads


def of_error(error: Error) -> Failure:
    """An error of ours: its sentence without names, types and numbers; of a table of refusals, what it lists."""
    kind = type(error).__name__
    rows = frozenset(f"{row[1]} {_general(row[2])}" for row in _ROW.finditer(error.what))
    return Failure(kind, str(error), rows or frozenset([_general(error.what)]))


def of_exception(failure: BaseException) -> Failure:
    """An exception that is none of ours, by its class and first line."""
    kind = type(failure).__name__
    line = next(iter(str(failure).splitlines()), "")
    return Failure(kind, f"{kind}: {line}", frozenset([_general(line)]))


def of_exit(code: int) -> Failure:
    """A process that ended by a signal (negative code) or a status without an answer."""
    if code < 0:
        name = signal.Signals(-code).name
        return Failure("crash", f"the process died of {name}", frozenset([name]))
    return Failure("crash", f"the process ended with status {code}", frozenset([str(code)]))


def of_time(seconds: float) -> Failure:
    """A process that was stopped."""
    return Failure("hang", f"no end within {seconds:g} s", frozenset(["hang"]))


def of_deviation(first_pass: str, message: str) -> Failure:
    """A level that computes something else, by the pass that is to blame."""
    return Failure("deviates", message, frozenset([_general(first_pass.partition("{")[0])]))


def matching(failure: Failure, pattern: re.Pattern[str]) -> bool:
    """Whether a message of the user's is in it."""
    return pattern.search(failure.message) is not None


def _general(text: str) -> str:
    """The first line without what is particular to one input."""
    line = next(iter(text.splitlines()), "")
    for pattern, general in _VARIABLE:
        while (shorter := pattern.sub(general, line)) != line:
            line = shorter
    return line
