"""What a synthesised netlist takes of an FPGA: look-up tables, flip-flops, multipliers, memory blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepwell.support.errors import ToolError


@dataclass(frozen=True)
class Area:
    """Cells of each kind.

    Attributes:
        lut: look-up tables, those used as memory or for carries included.
        bram: memory blocks: RAMB36 (half of one is 0.5), or DP16KD.
    """

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram: float = 0

    def __add__(self, other: Area) -> Area:
        return Area(self.lut + other.lut, self.ff + other.ff, self.dsp + other.dsp, self.bram + other.bram)

    def times(self, count: int) -> Area:
        """So many of this."""
        return Area(self.lut * count, self.ff * count, self.dsp * count, self.bram * count)


_NOTHING = Area()

#: Cell -> what it takes, by a regular expression on its whole name; the first that fits counts.
_CELLS: dict[str, dict[str, Area]] = {
    "xilinx": {
        r"LUT[1-6]|INV|SRL16E|SRLC32E|RAM(32|64)X1S": Area(lut=1),
        r"RAM(32|64)X1D|RAM128X1S": Area(lut=2),
        r"RAM(32|64)M|RAM128X1D|RAM256X1S": Area(lut=4),
        r"RAM32M16|RAM64M8|RAM256X1D|RAM512X1S|RAM32X16DR8|RAM64X8SW": Area(lut=8),
        r"FD[RSCP]E": Area(ff=1),
        r"DSP48E2": Area(dsp=1),
        r"RAMB36E2": Area(bram=1),
        r"RAMB18E2": Area(bram=0.5),
        r"CARRY[48]|MUXF[789]": _NOTHING,
    },
    "ecp5": {
        r"LUT4": Area(lut=1),
        r"CCU2C": Area(lut=2),
        r"TRELLIS_DPR16X4": Area(lut=4),
        r"TRELLIS_FF": Area(ff=1),
        r"MULT18X18D": Area(dsp=1),
        r"DP16KD": Area(bram=1),
        r"PFUMX|L6MUX21": _NOTHING,
    },
}


def module_areas(netlist: Mapping[str, Any], top: str, family: str) -> dict[str, Area]:
    """Area of ``top`` and of every module below it, parts included, from yosys's JSON.

    Raises:
        ToolError: a cell whose size is not known; latches are among them, since no design of ours has one.
    """
    modules = netlist["modules"]
    areas: dict[str, Area] = {}

    def visit(name: str) -> Area:
        if name not in areas:
            total = _NOTHING
            for kind, count in Counter(cell["type"] for cell in modules[name]["cells"].values()).items():
                inside = kind in modules and not _is_library(modules[kind])
                total += (visit(kind) if inside else _cell(kind, family)).times(count)
            areas[name] = total
        return areas[name]

    visit(top)
    return areas


def _is_library(module: Mapping[str, Any]) -> bool:
    return bool({"blackbox", "whitebox", "abc9_box"} & set(module["attributes"]))


def _cell(kind: str, family: str) -> Area:
    for pattern, area in _CELLS[family].items():
        if re.fullmatch(pattern, kind):
            return area
    if kind in ("$scopeinfo", "GND", "VCC"):
        return _NOTHING
    raise ToolError(
        f"the netlist has a cell '{kind}', whose size on {family} is not known",
        hint="use the version of yosys that the documentation names",
    )
