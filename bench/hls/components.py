"""Components alone, beside the figures of a well-known open library of hand-written streaming components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench import machine
from bench.hls.measure import Case, Measured, measure
from bench.hls.models import integer_linear
from bench.hls.section import Section
from bench.sections import table

_TEXT = """8 bits in and out, one frame. *Last* is the cycle of the last result of the first frame, *steady* the cycles
between frames back to back. Behind a number stands the library's, where it was measured with the same simulator and
the same yosys; it streams its weights in, ours are in block RAM. LUT, FF, DSP and BRAM are those of
`synth_xilinx -family xcup`, then of `synth_ecp5`. The clock is nextpnr's on an ECP5 (LFE5U-85F, speed grade 6,
one seed), with a register at every port. Only our side can be placed: the library's sources are not at hand.
"""


@dataclass(frozen=True)
class Quoted:
    """What was measured of the library: the cycle of the last result, and area for xcup; None where nothing was."""

    last: int | None
    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None


#: Row -> what to compile, and the library's figures.
ROWS: dict[str, tuple[Case, Quoted | None]] = {
    "linear 4 to 8, 16 multipliers": (
        Case(lambda: integer_linear(1, 4, 8), "parallelism=4x4"),
        Quoted(9, 2097, 2350, 16),
    ),
    "linear 64 to 64, 16 multipliers": (
        Case(lambda: integer_linear(1, 64, 64), "parallelism=4x4"),
        Quoted(263, 8419, 8374, 16),
    ),
    "linear 64 to 64, 64 multipliers": (
        Case(lambda: integer_linear(1, 64, 64), "parallelism=8x8"),
        Quoted(72),
    ),
}


def _measure(row: str) -> dict[str, Any]:
    return measure(ROWS[row][0]).to_json()


def _text(rows: Mapping[str, dict[str, Any]]) -> str:
    head = ["", "last", "steady (bound)", "LUT", "FF", "DSP", "BRAM", "ECP5: LUT", "FF", "DSP", "BRAM", "MHz", "us"]
    lines = [_cells(row, Measured.from_json(data), ROWS[row][1]) for row, data in rows.items() if row in ROWS]
    return "\n".join(["## Components", "", _TEXT, machine.describe(), "", *table(head, lines)])


def _cells(row: str, ours: Measured, quoted: Quoted | None) -> list[str]:
    area, other = ours.xilinx, ours.ecp5
    theirs = quoted or Quoted(None)
    return [
        row,
        _beside(ours.first, theirs.last),
        f"{ours.steady:.0f} ({ours.bound})",
        _beside(area.lut, theirs.lut),
        _beside(area.ff, theirs.ff),
        _beside(area.dsp, theirs.dsp),
        f"{area.bram:g}",
        f"{other.lut}",
        f"{other.ff}",
        f"{other.dsp}",
        f"{other.bram:g}",
        f"{ours.mhz:.0f}",
        f"{ours.steady / ours.mhz:.2f}",
    ]


def _beside(ours: int, quoted: int | None) -> str:
    return f"{ours}" if quoted is None else f"{ours}, {quoted}"


SECTION = Section("components", list(ROWS), _measure, _text)
