"""Whole networks on real data: the test set of ``examples/digits`` through the simulated hardware, at two budgets."""

from __future__ import annotations

import functools
import importlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import stepwell
from bench import machine
from bench.hls.placed import cells, head, place, read, reasons
from bench.hls.section import Section
from bench.sections import table
from stepwell.backends.hls.runnable import HlsRunnable

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits"
_BITS = 8

_TEXT = f"""The networks of `examples/digits`, trained there, in {_BITS} bits, with so many multipliers at most
(`multipliers=`). *Exact* are the pictures of the test set whose scores are those of the reference, bit for bit. Cycles
are those between pictures back to back, over the whole test set, and the bound: multiplications over multipliers of
the slowest component. Areas and clock as above; a picture takes its cycles at that clock. *Compiling* is from the
PyTorch module to SystemVerilog, and simulated are so many cycles a second, once Verilator has built the program.
"""

#: Row -> network, and its budget. An ECP5 has 156 multipliers.
ROWS: dict[str, tuple[str, int]] = {
    f"{title}, {budget}": (name, budget)
    for title, name, budgets in (
        ("MLP 64-32-10", "mlp", (16, 64)),
        ("MLP 784-128-10", "large-mlp", (16, 64)),
        ("CNN", "cnn", (16, 64)),
        ("encoder 16x64", "encoder", (64, 128)),
    )
    for budget in budgets
}


@functools.cache
def _example() -> Any:
    """The example's module, which lies beside those that it imports."""
    sys.path.insert(0, str(_EXAMPLE))
    return importlib.import_module("networks")


@functools.cache
def _trained(name: str) -> tuple[torch.nn.Module, float]:
    """The network, and the seconds that training took."""
    began = time.perf_counter()
    model = _example().trained(_example().NETWORKS[name])
    return model, time.perf_counter() - began


def _measure(row: str) -> dict[str, Any]:
    name, budget = ROWS[row]
    network = _example().NETWORKS[name]
    model, training = _trained(name)
    calls, labels = _example().test_set(network)
    target = f"hls,bits={_BITS},multipliers={budget}"
    began = time.perf_counter()
    hardware = _compiled(network, model, target)
    compiling = time.perf_counter() - began
    runnable = hardware.runnable
    assert isinstance(runnable, HlsRunnable)
    first = hardware.run_all(calls[:1]) and hardware.cycles
    began = time.perf_counter()
    results = torch.cat(hardware.run_all(calls))
    simulating = time.perf_counter() - began
    wanted = torch.cat(_compiled(network, model, f"{target},simulator=interpreter").run_all(calls))
    with torch.no_grad():
        floats = model(torch.cat([x for (x,) in calls]))
    accuracies = [float((scores.argmax(1) == labels).float().mean()) for scores in (floats, results)]
    return {
        "training": training,
        "compiling": compiling,
        "pictures": len(calls),
        "exact": int((results == wanted).all(1).sum()),
        "float": accuracies[0],
        "hardware": accuracies[1],
        "multipliers": runnable.design.multipliers,
        "bound": runnable.design.cycles,
        "latency": first,
        "steady": (hardware.cycles - first) / (len(calls) - 1),
        "simulated": hardware.cycles / simulating,
    }


def _place(row: str) -> dict[str, Any]:
    name, budget = ROWS[row]
    hardware = _compiled(_example().NETWORKS[name], _trained(name)[0], f"hls,bits={_BITS},multipliers={budget}")
    return place(hardware.runnable.design, hardware.code.files).to_json()


def _compiled(network: Any, model: torch.nn.Module, target: str) -> Any:
    calls, _ = _example().test_set(network)
    return stepwell.compile(model, calls[0], target=target, calibration=_example().samples(network), cache=False)


def _text(rows: Mapping[str, dict[str, Any]]) -> str:
    front = ["", "float", "hardware", "exact", "multipliers", "cycles (bound)"]
    titles = [*front, *head(), "results/s", "compiling, s", "simulated"]
    lines = []
    for row, data in rows.items():
        placed = read(data)
        steady, bound = data["steady"], data["bound"]
        lines.append(
            [
                row,
                f"{data['float']:.1%}",
                f"{data['hardware']:.1%}",
                f"{data['exact']} of {data['pictures']}",
                f"{data['multipliers']}",
                f"{steady:.0f} ({bound}, {steady / bound - 1:+.1%})",
                *cells(placed),
                f"{1e6 * placed.mhz / steady:,.0f}" if placed and placed.mhz else "-",
                f"{data['compiling']:.1f}",
                f"{data['simulated'] / 1e3:,.0f}k",
            ]
        )
    return "\n".join(["## Networks", "", _TEXT, machine.describe(), "", *table(titles, lines), "", *reasons(rows)])


SECTION = Section("networks", list(ROWS), _measure, _text, _place)
