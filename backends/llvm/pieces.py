"""A module of LLVM IR in pieces that are compiled one beside another.

Nests of loops are functions that LLVM never inlines: a piece that declares one knows as much as one that defines it.
What a piece holds follows from the text alone, never from how many processors there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

import llvmlite.binding as llvm

_ITEM = re.compile(r"^define .*?^\}\n|^[^\n]*\n", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r'@("[^"]*"|[-\w.$]+)')
_COPIED = re.compile(r"define (\w+ )*?(internal|private|linkonce_odr) |@\S+ = (internal|private) (\w+ )*constant ")


@dataclass
class _Item:
    """A function or variable: its text, what it names, whether several pieces may have it."""

    text: str
    names: frozenset[str] = field(init=False)
    copied: bool = field(init=False)

    def __post_init__(self) -> None:
        self.names = frozenset(_NAME.findall(self.text))
        self.copied = _COPIED.match(self.text) is not None

    def declaration(self) -> str:
        return "declare" + self.text[len("define") : self.text.index("{\n")].rstrip() + "\n"


def set_free(module: llvm.ModuleRef) -> set[str]:
    """The functions that are never inlined, now visible to other modules of the same library."""
    free = set()
    for function in module.functions:
        attributes = b" ".join(function.attributes).split()
        if not function.is_declaration and function.linkage.name == "internal" and b"noinline" in attributes:
            function.linkage, function.visibility = "external", "hidden"
            free.add(function.name)
    return free


def split(text: str, movable: Set[str], count: int) -> list[str]:
    """``text``, which ends with a line break, as ``count`` modules of about one size that are to be linked.

    Args:
        movable: functions that may be defined in another piece than their callers; visible beyond their module.
    """
    lines = _ITEM.findall(text)
    items = {name: _Item(line) for line in lines if (name := _defined(line))}
    common = [name for name in items if name.startswith("llvm.")]  # what the code generator may call, in every piece
    needs = {name: _reached([name, *common], items, movable) for name in movable}
    moving = [
        name for name in items if name in movable and all(items[need].copied for need in needs[name] - {name, *common})
    ]
    loads = [sum(len(item.text) for name, item in items.items() if name not in moving), *[0] * (count - 1)]
    places: dict[str, int] = {}
    for name in sorted(moving, key=lambda name: -len(items[name].text)):
        place = loads.index(min(loads))
        places[name], loads[place] = place, loads[place] + len(items[name].text)
    pieces = []
    for piece in range(count):
        own = [name for name, place in places.items() if place == piece]
        held = items.keys() if piece == 0 else _reached([*own, *common], items, movable)
        kept = {name for name in held if places.get(name, piece) == piece}
        wanted = {name for holder in kept for name in items[holder].names}
        pieces.append("".join(_in_piece(line, kept, wanted, items) for line in lines))
    return pieces


def _in_piece(line: str, kept: Set[str], wanted: Set[str], items: dict[str, _Item]) -> str:
    name = _defined(line)
    if name is None or name in kept:
        return line
    return items[name].declaration() if name in wanted else ""


def _defined(line: str) -> str | None:
    """The name of the function or variable that is defined there."""
    found = _NAME.search(line) if line.startswith(("define ", "@")) else None
    return found.group(1) if found else None


def _reached(roots: Iterable[str], items: dict[str, _Item], movable: Set[str]) -> set[str]:
    """The definitions that ``roots`` need in their module: those of functions that may move are declared instead."""
    stack, reached = list(roots), set(roots)
    while stack:
        for name in items[stack.pop()].names:
            if name in items and name not in reached and name not in movable:
                reached.add(name)
                stack.append(name)
    return reached
