"""Targets as people write them: a name and its options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stepwell.support.errors import UsageError


class Target:
    """Where a program is to run: ``Target("cpu", features=["avx2"])`` or ``Target.parse("cpu,threads=2")``.

    Attributes:
        name: the backend's name.
        options: option name -> text; lists are joined with commas.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        self.options = {key.replace("_", "-"): _text(value) for key, value in options.items()}

    @staticmethod
    def parse(text: str | Target) -> Target:
        """A target from ``name,option=value,...``; values with commas stand in quotes.

        Raises:
            UsageError: an option without a value, or an open quote.
        """
        if isinstance(text, Target):
            return text
        name, *options = _split(text)
        parsed: dict[str, str] = {}
        for option in options:
            key, separator, value = option.partition("=")
            if not separator:
                raise UsageError(f"'{option}' in target '{text}' has no value", hint="write option=value")
            parsed[key.strip()] = value
        return Target(name.strip(), **parsed)

    def __str__(self) -> str:
        quoted = {key: f"'{value}'" if "," in value else value for key, value in sorted(self.options.items())}
        return ",".join([self.name, *(f"{key}={value}" for key, value in quoted.items())])

    def __repr__(self) -> str:
        return f"Target({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Target) and (self.name, self.options) == (other.name, other.options)

    def __hash__(self) -> int:
        return hash(str(self))

    def get(self, option: str, default: str = "") -> str:
        """The text of ``option``, or ``default``."""
        return self.options.get(option, default)

    def choice(self, option: str, allowed: Iterable[str], default: str) -> str:
        """The text of ``option``, which must be one of ``allowed``."""
        value = self.get(option, default)
        if value not in allowed:
            raise UsageError(f"option '{option}' of target '{self.name}' is one of {', '.join(allowed)}, not '{value}'")
        return value

    def integer(self, option: str, default: int) -> int:
        """The value of a whole-number ``option``."""
        value = self.get(option, str(default))
        try:
            return int(value)
        except ValueError:
            raise UsageError(f"option '{option}' of target '{self.name}' takes an integer, not '{value}'") from None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_text(item) for item in value)
    return str(value)


def _split(text: str) -> list[str]:
    parts, current, quote = [], "", ""
    for char in text:
        if quote:
            if char == quote:
                quote = ""
            else:
                current += char
        elif char in "'\"":
            quote = char
        elif char == ",":
            parts.append(current)
            current = ""
        else:
            current += char
    if quote:
        raise UsageError(f"a quote is left open in target '{text}'")
    return [*parts, current]
