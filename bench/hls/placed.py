"""Area and clock of a design, or why there is none: cells of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from stepwell.backends.hls.design import Design
from stepwell.backends.hls.synthesis.area import Area
from stepwell.backends.hls.synthesis.synthesize import synthesize
from stepwell.backends.hls.synthesis.timing import place_and_route
from stepwell.support.errors import ToolError


@dataclass(frozen=True)
class Placed:
    """What yosys and nextpnr say of one design.

    Attributes:
        mhz: clock on an ECP5; 0 where it could not be placed there.
        reason: then why.
    """

    xilinx: Area
    ecp5: Area
    mhz: float
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Placed:
        """The inverse."""
        return Placed(**{**data, **{family: Area(**data[family]) for family in ("xilinx", "ecp5")}})


def place(design: Design, files: Mapping[str, bytes]) -> Placed:
    """Synthesise ``design`` for both families, and place it on an ECP5."""
    sources = {name: data for name, data in files.items() if name.endswith((".sv", ".mem"))}
    xilinx = synthesize(design.top, sources, "xilinx").total
    try:
        netlist, timing = place_and_route(design, sources)
    except ToolError as refused:
        return Placed(xilinx, synthesize(design.top, sources, "ecp5").total, 0, f"not placed: {refused.what}")
    return Placed(xilinx, netlist.total, timing.mhz)


def head() -> list[str]:
    """Titles of :func:`cells`."""
    return ["LUT", "FF", "DSP", "BRAM", "ECP5: LUT", "FF", "DSP", "BRAM", "MHz"]


def read(row: Mapping[str, Any]) -> Placed | None:
    """What is known of a row; None where it has not been placed."""
    return Placed.from_json(row["placed"]) if row.get("placed") else None


def cells(placed: Placed | None) -> list[str]:
    """Both areas and the clock."""
    if placed is None:
        return ["-"] * len(head())
    numbers = [n for area in (placed.xilinx, placed.ecp5) for n in (area.lut, area.ff, area.dsp, area.bram)]
    return [*(f"{number:g}" for number in numbers), f"{placed.mhz:.0f}" if placed.mhz else "-"]


def reasons(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Why rows have no clock although they were tried."""
    return [f"- {row}: {placed.reason}" for row, data in rows.items() if (placed := read(data)) and placed.reason]
