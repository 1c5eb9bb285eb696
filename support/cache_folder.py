"""Where things are kept that can be made again: a folder of the user's, which an environment variable can move."""

from __future__ import annotations

import os
from pathlib import Path

#: Names the folder; ``off`` keeps nothing.
VARIABLE = "STEPWELL_CACHE"


def cache_folder() -> Path | None:
    """The folder (it may not exist yet), or None where ``STEPWELL_CACHE=off``.

    By default ``stepwell`` under ``$XDG_CACHE_HOME`` or ``~/.cache``
    (https://specifications.freedesktop.org/basedir-spec).
    """
    named = os.environ.get(VARIABLE, "")
    if named.lower() in ("off", "0", "no"):
        return None
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path("~/.cache").expanduser()) / "stepwell"
