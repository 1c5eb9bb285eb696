"""pipeline-components: registers inside of hardware components, until the estimated clock is the one asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch_mlir import ir

from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.components.pipelined import Pipelined
from stepwell.backends.hls.describe import component_operations, describe
from stepwell.backends.hls.estimate.component import path_of
from stepwell.dialects import stream
from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import UsageError


@dataclass
class PipelineComponents(Pass):
    """Give a component that is too slow for ``clock`` the fewest registers with which its estimated path fits, or,
    where none does, those that make it fastest. FIFOs come after it: their depths depend on latencies.

    Attributes:
        clock: in MHz.
    """

    name: ClassVar[str] = "pipeline-components"
    summary: ClassVar[str] = "registers inside of hardware components, until the estimated clock is the one asked for"
    anchor: ClassVar[str] = "builtin.module"

    clock: int = 100

    def __post_init__(self) -> None:
        if self.clock < 1:
            raise UsageError(f"option 'clock' of pass '{self.name}' is a positive number of MHz")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        allowed, slowest = 1000 / self.clock, (0.0, "")
        for component, place in zip(describe(op).components, component_operations(op), strict=True):
            registers, path = _registers(component, allowed)
            if registers != getattr(component, "registers", 0):
                place.attributes["registers"] = stream.integer(registers)
                context.note(self.name, **{component.name: f"{registers} more registers"})
            slowest = max(slowest, (path, component.name))
        path, name = slowest
        if path > allowed:
            limit = f"{name} at {1000 / path:.0f} of {self.clock} MHz by estimate"
            context.note(self.name, limit=limit)


def _registers(component: Component, allowed: float) -> tuple[int, float]:
    """How many a component should have, and the ns of its path then."""
    if not isinstance(component, Pipelined):
        return 0, path_of(component)
    paths: dict[int, float] = {}
    for registers in range(component.most_registers + 1):
        paths[registers] = path_of(replace(component, registers=registers))
        if paths[registers] <= allowed:
            break
    best = min(paths, key=lambda registers: (max(paths[registers], allowed), registers))
    return best, paths[best]
