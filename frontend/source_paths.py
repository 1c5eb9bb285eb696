"""Python source paths that do not depend on the folder a model or an environment lies in."""

from __future__ import annotations

import functools
import re
from pathlib import Path, PurePosixPath

_FRAME = re.compile(r'File "([^"<]+)", line ([0-9]+)')


@functools.lru_cache(maxsize=4096)
def relative_source(path: str) -> str:
    """``path`` from the folder that holds its outermost package: ``torch/nn/modules/linear.py``, ``model.py``."""
    source = Path(path)
    root = source.parent
    while root != root.parent and (root / "__init__.py").exists():
        root = root.parent
    return str(PurePosixPath(source.relative_to(root)))


def innermost_frame(stack_trace: str | None) -> tuple[str, int] | None:
    """(relative path, line) of the deepest frame outside of torch; the deepest of all if every frame is torch's."""
    frames = [(relative_source(path), int(line)) for path, line in _FRAME.findall(stack_trace or "")]
    if not frames:
        return None
    return next((f for f in reversed(frames) if not f[0].startswith("torch/")), frames[-1])


def describe_node(node: object) -> str:
    """``file:line (FX node NAME)`` of an ``fx.Node``, for messages."""
    name = getattr(node, "name", "?")
    frame = innermost_frame(getattr(node, "meta", {}).get("stack_trace"))
    return f"{frame[0]}:{frame[1]} (FX node {name})" if frame else f"FX node {name}"
