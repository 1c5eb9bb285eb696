"""Shows how far tuning is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 20


class Progress:
    """Reports against a budget of seconds.

    Args:
        budget: how long it may take.
        stream: where to; clock: what time it is.
    """

    def __init__(
        self, budget: float, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._budget = budget
        self._stream = stream or sys.stderr
        self._clock = clock
        self._start = clock()
        self._bar = self._stream.isatty()

    def step(self, text: str) -> None:
        """What is being done now: the bar moves; nothing where there is none."""
        if not self._bar:
            return
        spent = self._clock() - self._start
        full = min(_WIDTH, int(_WIDTH * spent / self._budget)) if self._budget > 0 else _WIDTH
        line = f"[{'#' * full}{'.' * (_WIDTH - full)}] {spent:4.0f}/{self._budget:.0f} s  {text}"
        width = max(20, shutil.get_terminal_size().columns - 1)
        self._stream.write("\r\x1b[K" + line[:width])
        self._stream.flush()

    def line(self, text: str) -> None:
        """Something worth a line of its own."""
        self.clear()
        self._stream.write(f"{self._clock() - self._start:6.1f} s  {text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
