"""Loop nests: our pipelines, what CIRCT's routes make of the same text, and what has been published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench import machine
from bench.hls import calyx, handshake, nests
from bench.hls.kernels import KERNELS, Kernel
from bench.hls.placed import cells, head, read
from bench.hls.section import Section
from bench.sections import table

_TEXT = """32-bit integers, the same text in `affine` for all. Ours is unrolled by the factors in its name: of loops
that add up, and of others. Its *cycles* are from the first iteration to the last store, as others count with data in
memories; *a frame* those from one to the next in simulation, with frames coming in and going out meanwhile. *handshake*
is CIRCT's route from `cf` over `handshake` with buffers of two everywhere, one multiplier, and memories that answer
in the cycle in which they are asked; yosys reads it with vectors for packed structs. *calyx* is CIRCT's other route,
from `scf` with every loop as `while` over `calyx` and `fsm`, by its own passes alone: what `calyx-native` would call,
Calyx's own compiler, is a program that comes without CIRCT. *fewer* is how many times fewer cycles a multiplier of ours
takes for its share of the multiplications than that of handshake. *published* are the cycles that Dynamatic's authors
give. Areas and clock as above; a multiplier of 32 bits is several DSPs, of which the largest ECP5, the LFE5U-85F that
everything here is placed on, has 156.
"""

_ROUTE = "handshake"
_ROUTES: dict[str, Callable[[Kernel], dict[str, Any]]] = {_ROUTE: handshake.measure, "calyx": calyx.measure}
"""CIRCT's."""

_FACTORS: dict[str, tuple[tuple[int, int], ...]] = {
    "matmul 8x8x8": ((1, 1), (4, 4), (8, 8)),
    "FIR of 1000 taps": ((1, 1), (8, 1)),
    "matmul 30x30x30": ((1, 1), (5, 6)),
    "convolution 10x10, 3x3, 4 filters": ((1, 1), (1, 4)),
}

#: Row -> kernel, and a route of CIRCT's or factors.
ROWS: dict[str, tuple[str, str | tuple[int, int]]] = {
    f"{name}, {way if isinstance(way, str) else '{}x{}'.format(*way)}": (name, way)
    for name in KERNELS
    for way in (*_ROUTES, *_FACTORS[name])
}


def _measure(row: str) -> dict[str, Any]:
    name, way = ROWS[row]
    return _ROUTES[way](KERNELS[name]) if isinstance(way, str) else nests.measure(KERNELS[name], way)


def _place(row: str) -> dict[str, Any]:
    """Nothing of other routes, which were synthesised when they were measured."""
    name, way = ROWS[row]
    return {} if isinstance(way, str) else nests.placed(KERNELS[name], way).to_json()


def _text(rows: Mapping[str, dict[str, Any]]) -> str:
    titles = ["", "multiplications", "multipliers", "cycles", "a frame", "fewer", *head(), "published"]
    lines = [_cells(row, rows) for row in rows]
    notes = [f"- {'; '.join(named)}: {reason}" for reason, named in _reasons(rows).items()]
    return "\n".join(["## Loop nests", "", _TEXT, machine.describe(), "", *table(titles, lines), "", *notes])


def _cells(row: str, rows: Mapping[str, dict[str, Any]]) -> list[str]:
    data, (name, way) = rows[row], ROWS[row]
    kernel = KERNELS[name]
    front = [row, f"{kernel.multiplications}"]
    if isinstance(way, str):
        areas = [f"{data[key]}" if key in data else "-" for key in ("lut", "ff", "dsp", "bram")]
        none = ["-"] * (len(head()) - len(areas))
        published = f"{kernel.published or '-'}" if way == _ROUTE else "-"
        if "cycles" not in data:
            return [*front, *["-"] * 4, *areas, *none, published]
        return [*front, "1", f"{data['cycles']}", "-", "1.0", *areas, *none, published]
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
