"""The page ``docs/bench.md``."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence

from bench import machine, memory
from bench.contenders import available
from bench.overhead import count_allocations
from bench.race import Ratio, Standing, race, ratio

_HEAD = """# Bench

Written by `make bench`. float32, target `cpu`. Each contender runs in a process of its own and they take turns; a
number is the median of the rounds' medians. A ratio is Stepwell's time over the other's, paired by round, with its
smallest and largest value: over 1, Stepwell is slower.
"""

_OVERHEAD = """## Overhead of a call

A model that adds one to four numbers, called from Python with tensors: microseconds per call.
"""

_MEMORY = """## Memory of compiling

Peak resident memory that compiling a chain of linear layers adds, each in a fresh process. The promise is less than the
weights plus {allowance:.0f} MB, and seconds that do not depend on the size of the weights.
"""


def render(models: Sequence[str], *, rounds: int, seconds: float, without: Sequence[str] = ()) -> str:
    """Measure everything and give the page; contenders called as in ``without`` take no part."""
    contenders = [name for name in available() if name not in without]
    _say("overhead")
    overhead = race("add_one", contenders, rounds=rounds, seconds=seconds, batch=200)
    races = {}
    for name in models:
        _say(name)
        races[name] = race(name, contenders, rounds=rounds, seconds=seconds)
    parts = [_HEAD, "## Time of a call", "", *_race_table(races, contenders)]
    parts += ["", *_builds(races, contenders)]
    parts += ["", _OVERHEAD, *_overhead_table(overhead), "", *_allocations(models)]
    parts += ["", _MEMORY.format(allowance=memory.ALLOWANCE / 1e6), *_memory_table(), "", machine.describe(), ""]
    return "\n".join(parts)


def _race_table(races: Mapping[str, Sequence[Standing]], contenders: Sequence[str]) -> list[str]:
    others = [name for name in contenders if name != "stepwell"]
    head = ["model", "stepwell ms", *(cell for name in others for cell in (f"{name} ms", "ratio"))]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    ratios: dict[str, list[float]] = {name: [] for name in others}
    for model, standings in races.items():
        by_name = {standing.contender: standing for standing in standings}
        ours, cells = by_name["stepwell"], [model, _milliseconds(by_name["stepwell"])]
        for name in others:
            cells.append(_milliseconds(by_name[name]))
            if ours.error or by_name[name].error:
                cells.append("-")
                continue
            value = ratio(ours, by_name[name])
            ratios[name].append(value.median)
            cells.append(_spread(value))
        lines.append("| " + " | ".join(cells) + " |")
    means = [cell for name in others for cell in ("", f"**{_mean(ratios[name])}**")]
    lines.append("| " + " | ".join(["geometric mean", "", *means]) + " |")
    errors = [f"- {model}, {s.contender}: {s.error}" for model, all_ in races.items() for s in all_ if s.error]
    return [*lines, "", *errors] if errors else lines


def _builds(races: Mapping[str, Sequence[Standing]], contenders: Sequence[str]) -> list[str]:
    compilers = [name for name in contenders if not name.startswith("eager")]
    lines = [
        "## Seconds until the first result",
        "",
        "Export, compile and first call; nothing comes from a cache of ours.",
        "",
    ]
    lines += ["| model | " + " | ".join(compilers) + " |", "|---" * (len(compilers) + 1) + "|"]
    for model, standings in races.items():
        by_name = {standing.contender: standing for standing in standings}
        cells = ["-" if by_name[name].error else f"{by_name[name].build:.1f}" for name in compilers]
        lines.append("| " + " | ".join([model, *cells]) + " |")
    return lines


def _overhead_table(standings: Sequence[Standing]) -> list[str]:
    lines = ["| contender | microseconds | lowest and highest round |", "|---|---|---|"]
    for standing in standings:
        if standing.error:
            lines.append(f"| {standing.contender} | - | {standing.error} |")
            continue
        low, high = min(standing.rounds) * 1e6, max(standing.rounds) * 1e6
        lines.append(f"| {standing.contender} | {standing.median * 1e6:.1f} | {low:.1f} to {high:.1f} |")
    return lines


def _allocations(models: Sequence[str]) -> list[str]:
    counts = count_allocations(["add_one", *models])
    lines = [
        "## Steady-state allocations",
        "",
        "Blocks that the native runtime takes from the system in 20 calls after the warm-up.",
        "",
    ]
    lines += ["| model | blocks |", "|---|---|"]
    return lines + [f"| {name} | {count} |" for name, count in counts.items()]


def _memory_table() -> list[str]:
    lines = ["| layers | weights MB | added MB | seconds | |", "|---|---|---|---|---|"]
    for layers in (4, 16, 64):
        _say(f"memory, {layers} layers")
        growth = memory.measure(layers)
        verdict = "holds" if growth.holds else "**does not hold**"
        cells = f"{layers} | {growth.weights / 1e6:.0f} | {growth.grown / 1e6:.0f} | {growth.seconds:.1f} | {verdict}"
        lines.append(f"| {cells} |")
    return lines


def _milliseconds(standing: Standing) -> str:
    return "-" if standing.error else f"{standing.median * 1e3:.2f}"


def _spread(value: Ratio) -> str:
    return f"{value.median:.2f} ({value.low:.2f} to {value.high:.2f})"


def _mean(values: Sequence[float]) -> str:
    return f"{statistics.geometric_mean(values):.2f}" if values else "-"


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)
