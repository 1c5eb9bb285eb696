"""Sections of the page, from the rows that were measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from bench.cpu import gemm, page
from bench.cpu.peers import EAGER, FAST, OURS
from bench.cpu.results import Row
from stepwell.backends.llvm.peaks import Peaks

Extra = tuple[str, Callable[[Row, int], str]]

#: Seconds under which nothing was compiled.
_NOTHING = 0.1


def times(
    title: str,
    text: str,
    rows: Sequence[Row],
    threads: Sequence[int],
    peers: Sequence[str],
    extras: Sequence[Extra] = (),
) -> str:
    """Our time, each peer's, and how many times as fast as it we are; a table for each number of threads."""
    lines = [f"## {title}", "", text, "", page.when(any(row.short for row in rows)), ""]
    for count in threads:
        head = ["", "stepwell ms", *(name for name, _ in extras), *(f"{peer} ms" for peer in peers), "best peer"]
        lines += [f"### {title}, {count} thread{'s' if count > 1 else ''}", "", _line(head), "|---" * len(head) + "|"]
        for row in rows:
            cells = [row.name, _milliseconds(row, OURS, count), *(extra(row, count) for _, extra in extras)]
            cells += [_against(row, peer, count) for peer in peers]
            lines.append(_line([*cells, _best(row, peers, count)]))
        lines += [*_means(rows, peers, count, len(extras)), ""]
    return "\n".join([*lines, *_failures(rows, [OURS, *peers])])


def peak_share(peaks: dict[int, Peaks]) -> Extra:
    """The column that compares a matrix product with the machine's multiply-add peak."""

    def cell(row: Row, threads: int) -> str:
        if not row.took_part(OURS, threads):
            return "-"
        rate = gemm.flops(row.name) / row.entries[OURS].seconds(threads)
        return f"{100 * rate / peaks[threads].flops:.0f}%"

    return "of peak", cell


def tokens() -> Extra:
    """Tokens a second of one-token steps."""

    def cell(row: Row, threads: int) -> str:
        return f"{1 / row.entries[OURS].seconds(threads):.0f}" if row.took_part(OURS, threads) else "-"

    return "tokens/s", cell


def compile_times(rows: Sequence[Row], contenders: Sequence[str]) -> str:
    """Seconds from the ExportedProgram to code that has run once."""
    compilers = [name for name in contenders if name not in (EAGER, FAST)]
    text = (
        "Seconds from the ExportedProgram to code (torch.compile: from the module, with its own capture), every cache "
        "off, after a small model was compiled in the same process. Behind a peer's seconds: ours over its. "
        "Second: ours once more, with the cache that is on by default. Who compiles nothing has no ratio: "
        "torch.compile leaves an LSTM to eager."
    )
    head = ["", "export", "second", *compilers]
    lines = ["## Compile time", "", text, "", page.when(any(row.short for row in rows)), "", _line(head)]
    lines.append("|---" * len(head) + "|")
    ratios: dict[str, list[float]] = {name: [] for name in compilers}
    for row in rows:
        ours = row.entries.get(OURS)
        cells = [row.name, f"{ours.export:.1f}" if ours and not ours.error else "-"]
        cells.append(_fact(lambda facts: f"{facts['again s']:.2f}", ours.facts if ours else {}))
        for name in compilers:
            entry = row.entries.get(name)
            if entry is None or entry.error or ours is None or ours.error:
                cells.append("-" if entry is None or entry.error else f"{entry.build:.1f}")
                continue
            if name == OURS or entry.build < _NOTHING:
                cells.append(f"{entry.build:.1f}")
                continue
            ratios[name].append(ours.build / entry.build)
            cells.append(f"{entry.build:.1f}, {ratios[name][-1]:.2f}")
        lines.append(_line(cells))
    means = [f"**{statistics.geometric_mean(ratios[n]):.2f}**" if ratios[n] else "" for n in compilers]
    return "\n".join([*lines, _line(["geometric mean", "", "", *means])])


def facts(rows: Sequence[Row], overhead: Row | None, contenders: Sequence[str]) -> str:
    """Load time, sizes, memory and the overhead of a call."""
    lines = ["## Overhead, sizes and memory", ""]
    lines += [page.when(any(row.short for row in rows)), ""]
    if overhead is not None:
        lines += ["A call that adds one to four numbers, microseconds from Python, one thread:", ""]
        named = [name for name in contenders if overhead.took_part(name, 1)]
        lines += [_line(named), "|---" * len(named) + "|"]
        lines += [_line([f"{overhead.entries[name].seconds(1) * 1e6:.1f}" for name in named]), ""]
    lines += [
        "Load: from files in the system's cache to something that can be called. Artifact and parameters over the "
        "bytes of the model's weights. Peak: resident memory of the process that exported, compiled and ran the model.",
        "",
    ]
    columns: list[tuple[str, Callable[[dict[str, float]], str]]] = [
        ("load ms", lambda f: f"{f['load s'] * 1e3:.1f}"),
        ("artifact / weights", lambda f: f"{f['artifact bytes'] / f['weight bytes']:.2f}"),
        ("peak MB", lambda f: f"{f['peak bytes'] / 1e6:.0f}"),
        ("allocations a call", lambda f: f"{f['allocations a call']:.0f}"),
        ("prepare s", lambda f: f"{f['prepare s']:.2f}"),
        ("prepared / weights", lambda f: f"{f['parameter bytes'] / f['weight bytes']:.2f}"),
    ]
    head = ["", "", *(name for name, _ in columns)]
    lines += [_line(head), "|---" * len(head) + "|"]
    for row in rows:
        for name, entry in row.entries.items():
            if not entry.error:
                lines.append(_line([row.name, name, *(_fact(cell, entry.facts) for _, cell in columns)]))
    return "\n".join([*lines, "", *_failures(rows, contenders)])


def _fact(cell: Callable[[dict[str, float]], str], numbers: dict[str, float]) -> str:
    try:
        return cell(numbers)
    except KeyError:
        return "-"


def _milliseconds(row: Row, name: str, threads: int) -> str:
    return f"{row.entries[name].seconds(threads) * 1e3:.3f}" if row.took_part(name, threads) else "-"


def _against(row: Row, peer: str, threads: int) -> str:
    speed = row.speed(peer, threads)
    time = _milliseconds(row, peer, threads)
    return time if speed is None else f"{time}, {speed[0]:.2f} ({speed[1]:.2f} to {speed[2]:.2f})"


def _best_speed(row: Row, peers: Sequence[str], threads: int) -> tuple[str, float] | None:
    """The fastest peer of the row, and how many times as fast as it we are."""
    took_part = [peer for peer in peers if peer != FAST and row.took_part(peer, threads)]
    if not took_part or not row.took_part(OURS, threads):
        return None
    best = min(took_part, key=lambda peer: row.entries[peer].seconds(threads))
    speed = row.speed(best, threads)
    assert speed is not None
    return best, speed[0]


def _best(row: Row, peers: Sequence[str], threads: int) -> str:
    best = _best_speed(row, peers, threads)
    return "-" if best is None else f"{best[0]}, {best[1]:.2f}"


def _means(rows: Sequence[Row], peers: Sequence[str], threads: int, skipped: int) -> list[str]:
    columns = []
    for peer in peers:
        speeds = [row.speed(peer, threads) for row in rows]
        columns.append([speed[0] for speed in speeds if speed is not None])
    best = [_best_speed(row, peers, threads) for row in rows]
    columns.append([speed for entry in best if entry is not None for speed in [entry[1]]])
    means = [f"**{statistics.geometric_mean(c):.2f}**" if c else "-" for c in columns]
    lowest = [f"{min(c):.2f}" if c else "-" for c in columns]
    blank = [""] * (1 + skipped)
    return [_line(["geometric mean", *blank, *means]), _line(["lowest", *blank, *lowest])]


def _failures(rows: Sequence[Row], contenders: Sequence[str]) -> list[str]:
    """Why contenders are missing, rows of the same reason together."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name in contenders:
            entry = row.entries.get(name)
            if entry is not None and entry.error:
                reasons.setdefault((name, entry.error.replace("|", "/")), []).append(row.name)
    return [f"- {name}: {error} ({', '.join(names)})" for (name, error), names in reasons.items()]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
