"""Pages made of sections between markers, so that each can be refreshed alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path


def update(path: Path, head: str, sections: Mapping[str, str], order: Sequence[str]) -> None:
    """Put the text of ``sections`` in their places on the page; the others stay as they are."""
    kept = (
        dict(re.findall(r"<!-- (\w+) -->\n(.*?)<!-- end -->\n", path.read_text(), re.DOTALL)) if path.exists() else {}
    )
    kept.update({name: text.rstrip() + "\n" for name, text in sections.items()})
    parts = [f"<!-- {name} -->\n{kept[name]}<!-- end -->\n" for name in order if name in kept]
    path.write_text("\n".join([head, *parts]))


def line(cells: Sequence[str]) -> str:
    """A row of a table."""
    return "| " + " | ".join(cells) + " |"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [line(head), "|---" * len(head) + "|", *map(line, rows)]
