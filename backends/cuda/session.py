"""What one user of a program has on the device."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from stepwell.backends.cuda.driver import Driver
from stepwell.backends.cuda.instance import Instance
from stepwell.backends.cuda.plan import Shape
from stepwell.support.errors import ExecutionError


class CudaSession:
    """What one user of a program has on the device.

    Attributes:
        instances: of the program's plans, by entry and shapes of the inputs.
        states: where each state lies.
        stream: the last one that something ran in.
        short_ways: into entries that were called before.
    """

    def __init__(self) -> None:
        self.instances: OrderedDict[tuple[str, tuple[Shape, ...]], Instance] = OrderedDict()
        self.states: dict[str, int] = {}
        self.stream: int | None = None
        self.short_ways: dict[str, Any] = {}
        self.driver: Driver | None = None

    def __del__(self) -> None:
        try:
            for instance in self.instances.values():
                instance.close()
            for address in self.states.values():
                assert self.driver is not None
                self.driver.free(address)
        except (ExecutionError, AttributeError):
            return  # the process is ending, and the driver with it
