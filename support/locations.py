"""Locations in words: the model's source line, or the operation's place in a file."""

from __future__ import annotations

import re

from torch_mlir import ir

_PLACE = re.compile(r'"((?:[^"\\]|\\.)*)":(\d+):(\d+)')
_NAME = re.compile(r'loc\("((?:[^"\\]|\\.)*)"')
_NAMED = re.compile(r'"((?:[^"\\]|\\.)*)"\(')


UNKNOWN = "unknown location"


def describe_location(location: ir.Location) -> str:
    """``file:line:column`` of the innermost source position that ``location`` holds, else its name."""
    text = str(location)
    place = _PLACE.search(text)
    if place:
        return f"{place[1]}:{place[2]}:{place[3]}"
    name = _NAME.search(text)
    return name[1] if name else UNKNOWN


def node_names(location: ir.Location) -> list[str]:
    """The names (of FX nodes) that ``location`` gives to source positions, each once, in order."""
    return list(dict.fromkeys(_NAMED.findall(str(location))))
