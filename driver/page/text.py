"""Printed IR as a page shows it: lines without locations, each with what it comes from."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from stepwell.driver.page.locations import Aliases, Link, is_alias

_LOCATION = " loc("
_STRING_OR_LOCATION = re.compile(r'"(?:[^"\\]|\\.)*"| loc\(')
_OPERATION = re.compile(r'^\s*(?:%[^=]*= )?"?([a-z_]\w*(?:\.\w+)+)')
_UNLINKED = Link()


@dataclass(frozen=True)
class PrintedIR:
    """A module as text.

    Attributes:
        lines: without locations, and without the head of a dump.
        links: for each line what it comes from; the first and last line of an operation with regions share theirs.
        operations: how often each operation's name begins a line.
    """

    lines: tuple[str, ...]
    links: tuple[Link, ...]
    operations: Counter[str]


def read_ir(text: str) -> PrintedIR:
    """Read what :func:`stepwell.passes.dump.with_header` wrote."""
    given = text.splitlines()
    aliases = Aliases.read(given)
    lines: list[str] = []
    links: list[Link] = []
    open_lines: dict[int, list[int]] = {}
    for raw in given:
        if is_alias(raw) or (not lines and raw.startswith("// configuration:")):
            continue
        line, location = split_location(raw)
        link = aliases.link(location) if location else _UNLINKED
        indent = len(line) - len(line.lstrip())
        belongs = open_lines.pop(indent, []) if line.lstrip().startswith("}") else []
        belongs.append(len(lines))
        lines.append(line)
        links.append(link)
        if line.endswith("{"):
            open_lines[indent] = belongs
        else:
            for index in belongs:
                links[index] = link
    while lines and not lines[-1]:
        lines.pop()
        links.pop()
    found = (_OPERATION.match(line) for line in lines)
    return PrintedIR(tuple(lines), tuple(links), Counter(match[1] for match in found if match))


def split_location(line: str) -> tuple[str, str]:
    """``line`` without any location, and what the one at its end says ("" for none)."""
    if _LOCATION not in line:
        return line, ""
    kept, last, start, place = [], "", 0, 0
    while found := _STRING_OR_LOCATION.search(line, place):
        place = found.end()
        if found[0] == _LOCATION:
            end = _closing(line, place)
            kept.append(line[start : found.start()])
            last = line[place:end] if end + 1 == len(line) else ""
            start = place = end + 1
    kept.append(line[start:])
    return "".join(kept), last


def _closing(line: str, start: int) -> int:
    """Where the bracket closes that was opened before ``start``."""
    depth, quoted, index = 1, False, start
    while index < len(line):
        char = line[index]
        if char == "\\" and quoted:
            index += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return index
        index += 1
    return len(line) - 1


def changes(before: Counter[str], after: Counter[str], most: int = 4) -> list[tuple[str, int]]:
    """The operations whose number changed most, as (name, difference), at most ``most`` of them."""
    names = sorted(before.keys() | after.keys(), key=lambda name: (-abs(after[name] - before[name]), name))
    return [(name, after[name] - before[name]) for name in names[:most] if after[name] != before[name]]
