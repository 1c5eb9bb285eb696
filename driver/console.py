"""What a command shows on standard error while it works: progress on a terminal, log lines with ``-v``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from stepwell.support.log import LOGGER


@contextmanager
def console(verbosity: int, *, progress: bool = True, stream: TextIO | None = None) -> Iterator[None]:
    """Show progress within the block if ``stream`` is a terminal, and what is logged as far as ``verbosity`` goes.

    Args:
        verbosity: 0 for nothing, 1 for phases and stages, 2 for each pass too.
        progress: whether a terminal gets a line that says what is being done.
        stream: standard error by default.
    """
    stream = stream or sys.stderr
    shows = progress and stream.isatty()
    handlers: list[logging.Handler] = []
    if shows:
        handlers.append(_Bar(stream, verbosity))
    elif verbosity:
        handlers.append(_Lines(stream, verbosity))
    level, propagate = LOGGER.level, LOGGER.propagate
    for handler in handlers:
        LOGGER.addHandler(handler)
        LOGGER.setLevel(logging.DEBUG)
        LOGGER.propagate = False  # torch gives the root a handler of its own, which would say it all again
    try:
        yield
    finally:
        LOGGER.setLevel(level)
        LOGGER.propagate = propagate
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()


class _Lines(logging.Handler):
    """Log lines, headed by the seconds since the command began."""

    def __init__(self, stream: TextIO, verbosity: int) -> None:
        super().__init__(logging.INFO if verbosity == 1 else logging.DEBUG)
        self._stream = stream
        self._start: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "begins"):
            return
        self._write(self._line(record))

    def _line(self, record: logging.LogRecord) -> str:
        self._start = record.created if self._start is None else self._start
        return f"{record.created - self._start:7.2f} s  {record.getMessage()}"

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class _Bar(_Lines):
    """A line with a bar at the foot of a terminal; log lines, if wanted, stand above it."""

    def __init__(self, stream: TextIO, verbosity: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        super().__init__(stream, verbosity)
        self._verbose = self.level if verbosity else logging.CRITICAL
        self.setLevel(logging.DEBUG)
        columns = (SpinnerColumn(), TimeElapsedColumn(), BarColumn(20), TextColumn("{task.description}"))
        self._progress = Progress(*columns, console=Console(file=stream), transient=True)
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "begins"):
            done, of = vars(record)["done"], vars(record)["of"]
            self._progress.update(self._task, description=vars(record)["begins"], completed=done or 0, total=of)
        elif record.levelno >= self._verbose:
            self._write(self._line(record))

    def _write(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()
        super().close()
