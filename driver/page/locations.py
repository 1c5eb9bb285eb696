"""Locations of printed IR as links: the FX nodes and source lines that a line of text comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

Place = tuple[str, int]
"""A file, as locations spell it, and a line in it."""
Node = tuple[str, Place | None]
"""An FX node: its name, and the source line that it stands for."""

_ALIAS = re.compile(r"^(#loc\d*) = loc\((.*)\)$")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(:(\d+):(\d+))?|(#loc\d*)|([()])')


@dataclass(frozen=True)
class Link:
    """What a line of IR comes from; empty where its location says nothing."""

    nodes: frozenset[Node] = frozenset()
    places: frozenset[Place] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.nodes or self.places)


@dataclass
class Aliases:
    """The ``#locN = loc(...)`` lines of one printed module, resolved when they are asked for."""

    texts: dict[str, str] = field(default_factory=dict)
    _known: dict[str, Link] = field(default_factory=dict)

    @classmethod
    def read(cls, lines: Iterable[str]) -> Aliases:
        """Take the definitions among ``lines``."""
        return cls({match[1]: match[2] for match in map(_ALIAS.match, lines) if match})

    def link(self, text: str) -> Link:
        """What a location comes from; ``text`` is what stands in the brackets of ``loc(...)``."""
        if text not in self._known:
            self._known[text] = Link()  # what an alias that named itself would come from
            self._known[text] = self._read(text)
        return self._known[text]

    def _read(self, text: str) -> Link:
        nodes: set[Node] = set()
        places: set[Place] = set()
        named: list[tuple[str, int]] = []
        depth, pending = 0, ""
        for token in _TOKEN.finditer(text):
            name, place, line, _, alias, bracket = token.groups()
            if bracket == "(":
                depth += 1
                if pending:
                    named.append((pending, depth))
            elif bracket == ")":
                named = [entry for entry in named if entry[1] < depth]
                depth -= 1
            pending = name if name is not None and not place else ""
            if place:
                found = Link(places=frozenset({(name, int(line))}))
            elif alias:
                found = self.link(self.texts.get(alias, ""))
            else:
                continue
            places |= found.places
            nodes |= found.nodes
            nodes |= {(outer, one) for outer, _ in named for one in found.places}
        if not nodes and not places:
            nodes = {(token[1], None) for token in _TOKEN.finditer(text) if token[1] is not None}
        return Link(frozenset(nodes), frozenset(places))


def is_alias(line: str) -> bool:
    """Whether ``line`` defines a location alias."""
    return line.startswith("#loc") and _ALIAS.match(line) is not None
