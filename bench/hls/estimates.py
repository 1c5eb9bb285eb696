"""What is estimated before synthesis, beside what synthesis, placing and routing find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from bench import machine
from bench.hls.measure import Case, Measured, measure, placed
from bench.hls.models import far_softmax, integer_linear, normalization, softmax
from bench.hls.placed import Placed, head, read, reasons
from bench.hls.section import Section
from bench.sections import table

_TEXT = """Operations of each circuit are counted (`backends/hls/estimate/`); no tool is asked. In each cell: the
estimate, and behind it what yosys and nextpnr found for the whole design.
"""


def _perceptron() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 8))
    return model, (torch.randn(4, 16, generator=torch.Generator().manual_seed(1)),)


def _samples() -> list[tuple[torch.Tensor, ...]]:
    return [_perceptron()[1]]


def _rows(make: Callable[[], tuple[nn.Module, tuple[Any, ...]]]) -> Case:
    return Case(make, "bits=8,parallelism=4x4", lambda: [make()[1]])


ROWS: dict[str, Case] = {
    "linear 4 to 8, 4x4": Case(lambda: integer_linear(1, 4, 8), "parallelism=4x4"),
    "linear 64 to 64, 4x4": Case(lambda: integer_linear(1, 64, 64), "parallelism=4x4"),
    "linear 64 to 64, 8x8": Case(lambda: integer_linear(1, 64, 64), "parallelism=8x8"),
    "linear 128 to 10, 4x2": Case(lambda: integer_linear(3, 128, 10), "parallelism=4x2"),
    "perceptron 16-12-8, 4 bits": Case(_perceptron, "bits=4", _samples),
    "perceptron 16-12-8, 8 bits": Case(_perceptron, "bits=8", _samples),
    "perceptron 16-12-8, 12 bits": Case(_perceptron, "bits=12", _samples),
    "softmax over 64, 4x4": _rows(softmax),
    "softmax over 64 far apart, 4x4": _rows(far_softmax),
    "normalisation of 2 rows of 64, 4x4": _rows(normalization),
}


def _measure(row: str) -> dict[str, Any]:
    return measure(ROWS[row]).to_json()


def _place(row: str) -> dict[str, Any]:
    return placed(ROWS[row]).to_json()


def _text(rows: Mapping[str, dict[str, Any]]) -> str:
    titles = ["", *head()[:-1], "ns"]
    lines = [[row, *_cells(Measured.from_json(data), read(data))] for row, data in rows.items()]
    return "\n".join(["## Estimates", "", _TEXT, machine.describe(), "", *table(titles, lines), "", *reasons(rows)])


def _cells(ours: Measured, found: Placed | None) -> list[str]:
    pairs = []
    for family in ("xilinx", "ecp5"):
        for what in ("lut", "ff", "dsp", "bram"):
            guess = getattr(ours.guesses[family], what)
            pairs.append(_pair(guess, getattr(getattr(found, family), what) if found else None))
    return [*pairs, _pair(ours.guessed_ns, 1000 / found.mhz if found and found.mhz else None)]


def _pair(guess: float, found: float | None) -> str:
    if found is None:
        return f"{guess:.3g}, -"
    off = f" ({guess / found - 1:+.0%})" if found else ""
    return f"{guess:.3g}, {found:.3g}{off}"


SECTION = Section("estimates", list(ROWS), _measure, _text, _place)
