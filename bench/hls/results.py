"""What was measured, row by row, kept in files so that a run can be stopped and taken up again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[2] / "out" / "bench-hls"


def save(section: str, step: str, row: str, data: dict[str, Any]) -> None:
    """Keep the numbers of a row."""
    path = _path(section, step, row)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1))


def load(section: str, step: str, row: str) -> dict[str, Any] | None:
    """The row as a step found it when it was last taken."""
    path = _path(section, step, row)
    return json.loads(path.read_text()) if path.is_file() else None


def _path(section: str, step: str, row: str) -> Path:
    return _FOLDER / section / step / f"{hashlib.sha256(row.encode()).hexdigest()[:16]}.json"
