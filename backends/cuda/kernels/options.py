"""What kernels are built for, and how their schedules are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from stepwell.passes.schedules.base import Key, Schedule
from stepwell.passes.schedules.book import Schedules

_S = TypeVar("_S", bound=Schedule)


@dataclass(frozen=True)
class KernelOptions:
    """What all kernels of a program have in common.

    Attributes:
        arch: the architecture.
        threads: of a block, where a family does not say.
        plain: whether kernels are to be such as loops over blocks and threads can stand for.
        library: whether cuBLASLt computes the products that it takes.
        tf32: whether tensor cores multiply f32.
        schedules: what is asked how kernels are cut.
    """

    arch: str = "sm_90a"
    threads: int = 256
    plain: bool = False
    library: bool = False
    tf32: bool = False
    schedules: Schedules = field(default_factory=Schedules)

    def schedule(self, key: Key, default: _S, check: Callable[[_S], None]) -> _S:
        """``default``, or what a database has for ``key``; ``check`` raises ValueError where that is not possible.

        Raises:
            ScheduleError: the database's schedule is not possible.
        """

        def fault(schedule: _S) -> str:
            try:
                check(schedule)
            except ValueError as reason:
                return str(reason)
            return ""

        return self.schedules.choose(key, default, fault)
