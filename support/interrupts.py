"""Ctrl-C that a command has dealt with."""

from __future__ import annotations

INTERRUPTED = 130  # as a shell reports a process that SIGINT ended


def settle_interrupt() -> int:
    """Exit status of an interrupted command; to be called once KeyboardInterrupt has been caught.

    CPython marks an interrupt that leaves ``exec(text)`` as unhandled, whoever catches it further out, and
    then ends the process by SIGINT in place of its exit status. Running any text takes the mark away.
    """
    exec("")
    return INTERRUPTED
