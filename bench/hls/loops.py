"""Loop nests: our pipelines, what CIRCT's handshake route makes of the same text, and what has been published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench import machine
from bench.hls import handshake, nests
from bench.hls.kernels import KERNELS
from bench.hls.placed import cells, head, read
from bench.hls.section import Section
from bench.sections import table

_TEXT = """32-bit integers, the same text in `affine` for both. Ours is unrolled by the factors in its name: of loops
that add up, and of others. Its *cycles* are from the first iteration to the last store, as others count with data in
memories; *a frame* those from one to the next in simulation, with frames coming in and going out meanwhile. *handshake*
is CIRCT's route from `cf` over `handshake` with buffers of two everywhere, one multiplier, and memories that answer
in the cycle in which they are asked; yosys reads it with vectors for packed structs. *fewer* is how many times fewer
cycles a multiplier of ours takes for its share of the multiplications than that one. *published* are the cycles that
Dynamatic's authors give. Areas and clock as above; a
multiplier of 32 bits is several DSPs.
"""

_ROUTE = "handshake"
_FACTORS: dict[str, tuple[tuple[int, int], ...]] = {
    "matmul 8x8x8": ((1, 1), (4, 4), (8, 8)),
    "FIR of 1000 taps": ((1, 1), (8, 1)),
    "matmul 30x30x30": ((1, 1), (5, 6)),
    "convolution 10x10, 3x3, 4 filters": ((1, 1), (1, 4)),
}

#: Row -> kernel and factors, None for the handshake route.
ROWS: dict[str, tuple[str, tuple[int, int] | None]] = {
    f"{name}, {_ROUTE if factors is None else '{}x{}'.format(*factors)}": (name, factors)
    for name in KERNELS
    for factors in (None, *_FACTORS[name])
}


def _measure(row: str) -> dict[str, Any]:
    name, factors = ROWS[row]
    return handshake.measure(KERNELS[name]) if factors is None else nests.measure(KERNELS[name], factors)


def _place(row: str) -> dict[str, Any]:
    """Nothing of the other route, which was synthesised when it was measured."""
    name, factors = ROWS[row]
    return nests.placed(KERNELS[name], factors).to_json() if factors else {}


def _text(rows: Mapping[str, dict[str, Any]]) -> str:
    titles = ["", "multiplications", "multipliers", "cycles", "a frame", "fewer", *head(), "published"]
    lines = [_cells(row, rows) for row in rows]
    notes = [f"- {', '.join(named)}: {reason}" for reason, named in _reasons(rows).items()]
    return "\n".join(["## Loop nests", "", _TEXT, machine.describe(), "", *table(titles, lines), "", *notes])


def _cells(row: str, rows: Mapping[str, dict[str, Any]]) -> list[str]:
    data, (name, factors) = rows[row], ROWS[row]
    kernel = KERNELS[name]
    front = [row, f"{kernel.multiplications}"]
    if factors is None:
        areas = [f"{data[key]}" if key in data else "-" for key in ("lut", "ff", "dsp", "bram")]
        none = ["-"] * (len(head()) - len(areas))
        return [*front, "1", f"{data.get('cycles', '-')}", "-", "1.0", *areas, *none, f"{kernel.published or '-'}"]
    theirs = rows.get(f"{name}, {_ROUTE}", {}).get("cycles")
    fewer = f"{theirs / (data['nests'] * data['multipliers']):.1f}" if theirs else "-"
    numbers = [f"{data['multipliers']}", f"{data['nests']}", f"{data['steady']:g}", fewer]
    return [*front, *numbers, *cells(read(data)), "-"]


def _reasons(rows: Mapping[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Why cells are empty, and in which rows."""
    found: dict[str, list[str]] = {}
    for row, reason in _failures(rows):
        found.setdefault(reason, []).append(row)
    return found


def _failures(rows: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for row, data in rows.items():
        reason = data.get("error") or data.get("placed", {}).get("reason")
        if reason:
            yield row, reason


SECTION = Section("loops", list(ROWS), _measure, _text, _place)
