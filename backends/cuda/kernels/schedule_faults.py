"""Why a schedule that a database has is not possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stepwell.passes.schedules.base import Schedule

_S = TypeVar("_S", bound=Schedule)


def fault_of(check: Callable[[_S], None]) -> Callable[[_S], str]:
    """The message of the ValueError that ``check`` raises for a schedule; empty where it raises none."""

    def fault(schedule: _S) -> str:
        try:
            check(schedule)
        except ValueError as error:
            return str(error)
        return ""

    return fault
