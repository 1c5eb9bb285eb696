"""Synthesis by yosys: the netlist of a design, and its area by component."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stepwell.backends.hls.synthesis.area import Area, module_areas
from stepwell.backends.hls.tools import YOSYS, write_files

#: Family -> yosys's command. Modules stay apart, so that each has an area; no pads: a design is part of something. Wide
#: look-up tables of an ECP5 are several narrow ones: without them layers were smaller and faster.
FAMILIES = {
    "xilinx": "synth_xilinx -family xcup -noiopad -noclkbuf",
    "ecp5": "synth_ecp5 -noflatten -nowidelut",
}


@dataclass(frozen=True)
class Netlist:
    """A synthesised design.

    Attributes:
        areas: module -> area, parts included.
        json: the netlist as yosys writes it and nextpnr reads it.
    """

    top: str
    areas: dict[str, Area]
    json: bytes

    @property
    def total(self) -> Area:
        """Area of everything."""
        return self.areas[self.top]


def synthesize(top: str, files: Mapping[str, bytes], family: str) -> Netlist:
    """The netlist of module ``top`` for one of :data:`FAMILIES`; ``files`` are SystemVerilog and memories by name.

    Raises:
        ToolError: yosys is missing or refuses the files.
    """
    script = f"{read_script(top, files)}; {FAMILIES[family]} -top {top}; check -assert; write_json netlist.json"
    with tempfile.TemporaryDirectory(prefix="stepwell-synthesis-") as name:
        write_files(Path(name), files)
        YOSYS.run(["-q", "-p", script], Path(name))
        text = (Path(name) / "netlist.json").read_bytes()
    return Netlist(top, module_areas(json.loads(text), top, family), text)


def gate_level(top: str, files: Mapping[str, bytes]) -> bytes:
    """The design as Verilog of gates and flip-flops without a state to begin with; memories are in it.

    Raises:
        ToolError: yosys is missing or refuses the files.
    """
    script = f"{read_script(top, files)}; synth -flatten -top {top}; check -assert; write_verilog -noattr netlist.v"
    with tempfile.TemporaryDirectory(prefix="stepwell-synthesis-") as name:
        write_files(Path(name), files)
        YOSYS.run(["-q", "-p", script], Path(name))
        return (Path(name) / "netlist.v").read_bytes()


def read_script(top: str, files: Mapping[str, bytes]) -> str:
    """Yosys's commands that read the design; everything in it is defined."""
    sources = " ".join(name for name in files if name.endswith(".sv"))
    return f"read_verilog -sv {sources}; hierarchy -check -top {top}"
