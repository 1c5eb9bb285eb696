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
    lines: list[list[str]] = []
    reasons: dict[str, list[str]] = {}
    for row, data in rows.items():
        kernel = KERNELS[row]
        cells = [f"{data.get(key, '-')}" for key in ("cycles", "lut", "ff", "dsp")]
        lines.append([row, f"{kernel.multiplications}", *cells, f"{kernel.published or '-'}"])
        if "error" in data:
            reasons.setdefault(data["error"], []).append(row)
    notes = [f"- {', '.join(named)}: {reason}" for reason, named in reasons.items()]
    return "\n".join(["## Loop nests", "", _TEXT, machine.describe(), "", *table(head, lines), "", *notes])


SECTION = Section("loops", list(KERNELS), _measure, _text)
