"""Pieces of C++: expressions with what they need around them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[\w.]+(\[\d+\])*\Z")
_CALL = re.compile(r"[\w:]+(<[\w:<>, ]*>)?\(")


@dataclass(frozen=True)
class Expression:
    """A C++ expression.

    Attributes:
        text: as it is written alone.
        pointee: the C++ type that it points to, where it is a pointer.
    """

    text: str
    pointee: str = ""

    @property
    def operand(self) -> str:
        """As it is written beside an operator."""
        return self.text if self.trivial or _is_call(self.text) else f"({self.text})"

    @property
    def trivial(self) -> bool:
        """Whether it is a name, a literal or an element: nothing is saved by a name for it."""
        return _NAME.match(self.text) is not None


def _is_call(text: str) -> bool:
    """Whether ``text`` is one call, however nested its arguments."""
    opened = _CALL.match(text)
    if opened is None:
        return False
    depth = 1
    for place in range(opened.end(), len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place == len(text) - 1
    return False
