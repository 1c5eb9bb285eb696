"""Components alone, beside the figures of a well-known open library of hand-written streaming components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from bench import machine
from bench.hls.measure import Case, Measured, measure, placed
from bench.hls.models import convolution, far_softmax, integer_linear, normalization, product, softmax
from bench.hls.placed import cells, head, read, reasons
from bench.hls.section import Section
from bench.sections import table

_TEXT = """8 bits in and out (shares of softmax are unsigned: nine), one frame. *Last* is the cycle of the last
result of the first frame, *steady* the cycles between frames back to back. Behind a number stands the library's, where
it was measured with the same simulator and the same yosys; of normalisation its group norm is quoted. It streams
weights in; ours are in block RAM. Convolutions and matmuls have a component more here, which holds the results within 8
bits. A matmul here is fed a beat a cycle on each side, of 4 (16x16x16) or 2 (32x32x32) elements of the left matrix and
of 64 of the right one, which is multiplied while it comes; how wide the library's beats were is not quoted. LUT, FF,
DSP and BRAM are those of
`synth_xilinx -family xcup`, then of `synth_ecp5`. The clock is nextpnr's on an ECP5 (LFE5U-85F, speed grade 6,
one seed), with a register at every port. Only our side can be placed: the library's sources are not at hand.
"""


@dataclass(frozen=True)
class Quoted:
    """What was measured of the library: the cycle of the last result, and area for xcup; None where nothing was."""

    last: int
    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None


def _fixed(make: Callable[[], tuple[nn.Module, tuple[Any, ...]]], parallelism: str) -> Case:
    """A float model in 8 bits."""
    return Case(make, f"bits=8,parallelism={parallelism}", lambda: [make()[1]])


#: Row -> what to compile, and the library's figures.
ROWS: dict[str, tuple[Case, Quoted]] = {
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
    "convolution 8x8x4 to 4, 3x3, 144 multipliers": (_fixed(convolution, "36x4"), Quoted(169)),
    "convolution 8x8x4 to 4, 3x3, 9 multipliers": (_fixed(convolution, "9x1"), Quoted(1443)),
    "convolution 8x8x4 to 4, 3x3, 1 multiplier": (_fixed(convolution, "1x1"), Quoted(9631)),
    "matmul 16x16x16, 64 multipliers": (_fixed(lambda: product(16), "4x16"), Quoted(73, 15038, 12582, 64)),
    "matmul 32x32x32, 64 multipliers": (_fixed(lambda: product(32), "2x32"), Quoted(521)),
    "softmax over 64, 4 at once": (_fixed(softmax, "4x4"), Quoted(43)),
    "softmax over 64 far apart, 4 at once": (_fixed(far_softmax, "4x4"), Quoted(43)),
    "normalisation of 2 rows of 64, 4 at once": (_fixed(normalization, "4x4"), Quoted(86)),
}


def _measure(row: str) -> dict[str, Any]:
    return measure(ROWS[row][0]).to_json()


def _place(row: str) -> dict[str, Any]:
    return placed(ROWS[row][0]).to_json()


def _text(rows: Mapping[str, dict[str, Any]]) -> str:
    titles = ["", "last", "steady (bound)", *head(), "us"]
    lines = [_cells(row, data, ROWS[row][1]) for row, data in rows.items()]
    return "\n".join(["## Components", "", _TEXT, machine.describe(), "", *table(titles, lines), "", *reasons(rows)])


def _cells(row: str, data: dict[str, Any], quoted: Quoted) -> list[str]:
    ours, area = Measured.from_json(data), read(data)
    sizes = cells(area)
    for number, theirs in enumerate((quoted.lut, quoted.ff, quoted.dsp)):
        sizes[number] = _beside(sizes[number], theirs)
    time = f"{ours.steady / area.mhz:.2f}" if area and area.mhz else "-"
    return [row, _beside(f"{ours.first}", quoted.last), f"{ours.steady:.0f} ({ours.bound})", *sizes, time]


def _beside(ours: str, quoted: int | None) -> str:
    return ours if quoted is None else f"{ours}, {quoted}"


SECTION = Section("components", list(ROWS), _measure, _text, _place)
