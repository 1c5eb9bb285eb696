"""Loop nests: what CIRCT's handshake route makes of them, and what has been published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench import machine
from bench.hls import handshake
from bench.hls.kernels import KERNELS
from bench.hls.section import Section
from bench.sections import table

_TEXT = """32-bit integers, one multiplier, memories that answer in the cycle in which they are asked. *handshake* is
CIRCT's route from `cf` over `handshake` with buffers of two everywhere; *published* are the cycles that Dynamatic's
authors give.
"""


def _measure(row: str) -> dict[str, Any]:
    return handshake.measure(KERNELS[row])


def _text(rows: Mapping[str, dict[str, Any]]) -> str:
    head = ["", "multiplications", "handshake: cycles", "LUT", "FF", "DSP", "published cycles"]
    lines = []
    for row, data in rows.items():
        kernel, area = KERNELS[row], data["area"]
        known = isinstance(area, dict)
        cells = [f"{area[key]}" if known else "-" for key in ("lut", "ff", "dsp")]
        lines.append([row, f"{kernel.multiplications}", f"{data['cycles']}", *cells, f"{kernel.published or '-'}"])
    reasons = {data["area"]: row for row, data in rows.items() if isinstance(data["area"], str)}
    notes = [f"- {row}: {reason}" for reason, row in reasons.items()]
    return "\n".join(["## Loop nests", "", _TEXT, machine.describe(), "", *table(head, lines), "", *notes])


SECTION = Section("loops", list(KERNELS), _measure, _text)
