"""The ports of a design's top module, as the files beside it name them."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.backends.hls.components.base import Port
from stepwell.backends.hls.design import Design, axis_in, axis_out
from stepwell.backends.hls.register_file import INPUTS, OUTPUTS, PREFIX


@dataclass(frozen=True)
class Bus:
    """An AXI4-Stream of the top module; its signals are ``PREFIX_tdata``, ``PREFIX_tvalid`` and ``PREFIX_tready``."""

    prefix: str
    port: Port
    enters: bool

    @property
    def width(self) -> int:
        """Bits of ``tdata``."""
        return 8 * self.port.bytes

    @property
    def inputs(self) -> dict[str, int]:
        """Signals that the top module reads, with their widths."""
        return self._forward if self.enters else self._backward

    @property
    def outputs(self) -> dict[str, int]:
        """Signals that it drives."""
        return self._backward if self.enters else self._forward

    @property
    def _forward(self) -> dict[str, int]:
        return {f"{self.prefix}_tdata": self.width, f"{self.prefix}_tvalid": 1}

    @property
    def _backward(self) -> dict[str, int]:
        return {f"{self.prefix}_tready": 1}


def port_widths(design: Design) -> tuple[dict[str, int], dict[str, int]]:
    """All inputs and all outputs of the top module with their widths, but for clock and reset."""
    inputs = {name: width for bus in buses(design) for name, width in bus.inputs.items()}
    outputs = {name: width for bus in buses(design) for name, width in bus.outputs.items()}
    if design.axi_lite:
        inputs |= {f"{PREFIX}_{name}": width for name, width in INPUTS.items()}
        outputs |= {f"{PREFIX}_{name}": width for name, width in OUTPUTS.items()}
    return inputs, outputs


def buses(design: Design) -> list[Bus]:
    """Inputs, then outputs."""
    inputs = [Bus(axis_in(port.name), port, True) for port in design.inputs]
    return inputs + [Bus(axis_out(sink.port.name), sink.port, False) for sink in design.outputs]
