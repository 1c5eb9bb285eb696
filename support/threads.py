"""The threads of the native runtime, which all models on the target ``cpu`` share."""

from __future__ import annotations

from stepwell.support.native_library import check, library

#: kMostThreads of runtime/src/cores.h.
MOST_THREADS = 256


def set_threads(count: int) -> None:
    """Let parallel loops use ``count`` threads, the caller's included; 0 is one for each available core.

    Results do not depend on it. A model compiled with ``threads=`` keeps its own number.

    Raises:
        UsageError: there can't be as many, or fewer than none.
    """
    check(library().sw_set_threads(count))


def threads() -> int:
    """How many threads parallel loops use."""
    return int(library().sw_threads())
