"""What a component will take and how fast it will be, as far as its circuit tells."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.estimate.area import estimate_area
from stepwell.backends.hls.estimate.delay import longest_path
from stepwell.backends.hls.estimate.handshakes import slowest_route
from stepwell.backends.hls.estimate.operations import read_operations
from stepwell.backends.hls.register_file import MODULE
from stepwell.backends.hls.synthesis.area import Area


@dataclass(frozen=True)
class Estimate:
    """Area on a family, and ns between two clock edges on an ECP5."""

    area: Area
    ns: float

    @property
    def mhz(self) -> float:
        """The clock; infinite where nothing lies between registers."""
        return 1000 / self.ns if self.ns else float("inf")


def estimate(component: Component, family: str) -> Estimate:
    """An estimate of ``component`` for one of the families that are synthesised."""
    return _of(component.circuit(), family)


def path_of(component: Component) -> float:
    """ns between two clock edges that its slowest path needs."""
    return longest_path(read_operations(component.circuit().text()))


def estimate_design(design: Design, family: str) -> tuple[Estimate, dict[str, Estimate]]:
    """Of all together, as slow as the slowest path, which may go through several, and of each component by name.

    Registers on a bus are one more part.
    """
    parts = {component.name: estimate(component, family) for component in design.components}
    if design.axi_lite:
        parts[MODULE] = _of(design.register_file.circuit(), family)
    total = sum((part.area for part in parts.values()), start=Area())
    return Estimate(total, max(slowest_route(design).ns, *(part.ns for part in parts.values()))), parts


def _of(circuit: Circuit, family: str) -> Estimate:
    operations = read_operations(circuit.text())
    return Estimate(estimate_area(operations, family), longest_path(operations))
