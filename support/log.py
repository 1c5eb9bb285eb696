"""The logger ``stepwell``: INFO for phases and stages, DEBUG for passes; silent until somebody listens.

Records may carry ``begins`` (what starts now) and ``done`` with ``of`` (how far it is), which progress is shown by.
"""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("stepwell")
LOGGER.addHandler(logging.NullHandler())


def begin(what: str, done: float | None = None, of: float | None = None) -> None:
    """Say that ``what`` starts now, and how far the whole of it is if that is known."""
    LOGGER.debug("%s ...", what, extra={"begins": what, "done": done, "of": of})
