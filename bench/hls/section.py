"""What a section of the page provides; each is a module of this folder that makes one, listed in ``__main__``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Section:
    """A table.

    Attributes:
        name: on the command line and in the page's markers.
        rows: their names.
        measure: the numbers of a row, as plain data.
        text: the section, from the rows that were measured.
        place: area and clock of a row, which the text finds in it as ``placed`` once they are there; takes minutes, so
            that it comes after all rows were measured.
    """

    name: str
    rows: Sequence[str]
    measure: Callable[[str], dict[str, Any]]
    text: Callable[[Mapping[str, dict[str, Any]]], str]
    place: Callable[[str], dict[str, Any]]
