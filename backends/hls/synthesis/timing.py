"""The clock that a design can have on an ECP5, placed and routed by nextpnr between registers at all its ports."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.backends.hls.design import Design
from stepwell.backends.hls.files.signals import port_widths
from stepwell.backends.hls.synthesis.synthesize import Netlist, synthesize
from stepwell.backends.hls.tools import NEXTPNR

_GOAL_MHZ = 250


@dataclass(frozen=True)
class Timing:
    """What nextpnr says.

    Attributes:
        mhz: clock of the slowest path between two registers.
        path: its delay in ns by what it goes through: (kind of delay, cell, ns).
    """

    mhz: float
    path: tuple[tuple[str, str, float], ...]

    @property
    def through(self) -> str:
        """The path's first and last cell."""
        return f"{self.path[0][1]} to {self.path[-1][1]}" if self.path else ""


def place_and_route(design: Design, files: Mapping[str, bytes], seed: int = 1) -> tuple[Netlist, Timing]:
    """Netlist and timing of ``design`` with a register at every port; the netlist's areas leave those out.

    A design by itself has more ports than a package has pins, so it is placed out of context: without pads. Registers
    at its ports are what it has for neighbours, so that paths from and to ports count as well.

    Raises:
        ToolError: yosys or nextpnr is missing, or the design does not fit the largest device.
    """
    sources = {name: data for name, data in files.items() if name.endswith((".sv", ".mem"))}
    framed = f"{design.top}_framed"
    netlist = synthesize(framed, {**sources, f"{framed}.sv": frame(design, framed).encode()}, "ecp5")
    arguments = ["--85k", "--out-of-context", "--json", "netlist.json", "--report", "report.json", "--quiet"]
    arguments += ["--freq", f"{_GOAL_MHZ}", "--timing-allow-fail", "--seed", f"{seed}"]
    with tempfile.TemporaryDirectory(prefix="stepwell-timing-") as name:
        (Path(name) / "netlist.json").write_bytes(netlist.json)
        NEXTPNR.run(arguments, Path(name))
        report = json.loads((Path(name) / "report.json").read_text())
    del netlist.areas[framed]
    return Netlist(design.top, netlist.areas, netlist.json), _read(report)


def frame(design: Design, name: str) -> str:
    """Verilog of a module around ``design`` that has a register at each of its ports, but for clock and reset."""
    inputs, outputs = port_widths(design)
    ports = ["input clk", "input rst"]
    ports += [f"input [{width - 1}:0] {port}" for port, width in inputs.items()]
    ports += [f"output reg [{width - 1}:0] {port}" for port, width in outputs.items()]
    body = [f"  reg [{width - 1}:0] {port}_r;" for port, width in inputs.items()]
    body += [f"  wire [{width - 1}:0] {port}_w;" for port, width in outputs.items()]
    moves = [f"{port}_r <= {port};" for port in inputs] + [f"{port} <= {port}_w;" for port in outputs]
    body += ["  always @(posedge clk) begin", *(f"    {move}" for move in moves), "  end"]
    wires = [*(f".{port}({port}_r)" for port in inputs), *(f".{port}({port}_w)" for port in outputs)]
    body += [f"  {design.top} design_i (.clk(clk), .rst(rst), {', '.join(wires)});"]
    return "\n".join([f"module {name}({', '.join(ports)});", *body, "endmodule", ""])


def _read(report: Mapping[str, Any]) -> Timing:
    fastest = report["fmax"]
    if not fastest:
        return Timing(float("inf"), ())
    (clock,) = fastest.values()
    slowest = next(path for path in report["critical_paths"] if path["from"] == path["to"])
    steps = tuple((step["type"], step["from"]["cell"], step["delay"]) for step in slowest["path"])
    return Timing(clock["achieved"], steps)
