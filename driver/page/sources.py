"""The source files that locations name."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

_LARGEST = 2_000_000


def source_text(name: str, last_line: int) -> str | None:
    """The text of the file that locations call ``name``, or None where no such file is found.

    Locations name a file by its path below the folder that Python imports its package from, so that it is looked for
    in the folders of ``sys.path``. A file of fewer lines than ``last_line`` is another one.
    """
    for path in _candidates(name):
        try:
            if path.stat().st_size > _LARGEST:
                continue
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if text.count("\n") + 1 >= last_line:
            return text
    return None


def _candidates(name: str) -> Iterable[Path]:
    if name.startswith("<"):
        return
    for folder in ("", *sys.path):
        yield Path(folder, name)
