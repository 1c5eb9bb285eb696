"""Writes ``docs/models.md``: what holds for every model of the zoo. ``python -m bench.models_table [--help]``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from bench import machine
from bench.accuracy import ABSOLUTE, TIMES_EAGER
from bench.examine import Examination
from examples.models import zoo

_ROOT = Path(__file__).resolve().parents[1]
_PAGE = _ROOT / "docs" / "models.md"
_ROWS = _ROOT / "out" / "models"

_HEAD = f"""# Models

Written by `python -m bench.models_table`. Weights are random from a seed, MiniLM's are pretrained; float32, target
`cpu`.

An error is the largest max|y - r| / max|r| over all outputs, where r is the model run in float64 throughout. It passes
under {ABSOLUTE:.0e} or {TIMES_EAGER:.0f} times the error of PyTorch's own float32. Models with a cache in buffers make
several calls in a row; every call counts.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine every model in a process of its own and write the page; 1 if a property does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.models_table", description=__doc__)
    parser.add_argument("models", nargs="*", help="names of the zoo; all by default")
    parser.add_argument("--sizes", type=int, default=20, help="sizes at which a dynamic artifact runs")
    parser.add_argument("--static-sizes", type=int, default=20, help="how many of them are compiled statically too")
    parser.add_argument("--once", action="store_true", help="leave out the two builds that are compared byte by byte")
    parser.add_argument("--no-levels", action="store_true", help="do not run every level of every model")
    parser.add_argument("--jobs", type=int, default=2, help="models examined at a time; 1 for seconds to rely on")
    parser.add_argument("--resume", action="store_true", help="keep rows that an earlier run has finished")
    parser.add_argument("-o", "--output", type=Path, default=_PAGE)
    options = parser.parse_args(arguments)

    def examine(name: str) -> Examination:
        kept = _ROWS / f"{name}.json"
        if options.resume and kept.is_file():
            return Examination(**json.loads(kept.read_text()))
        row = _examine(
            name,
            sizes=options.sizes,
            static_sizes=options.static_sizes,
            twice=not options.once,
            levels=not options.no_levels,
        )
        print(f"{name}: {'holds' if row.succeeded else row.failure or 'does not hold'}", file=sys.stderr, flush=True)
        if row.failure is None:
            _ROWS.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(asdict(row)))
        return row

    with ThreadPoolExecutor(options.jobs) as pool:  # each waits for a process of its own
        rows = list(pool.map(examine, options.models or zoo()))
    options.output.write_text(page(rows))
    print(f"wrote {options.output}")
    return 0 if all(row.succeeded for row in rows) else 1


def _examine(name: str, **options: int | bool) -> Examination:
    command = [sys.executable, "-m", "bench.examine", json.dumps({"name": name, **options})]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return Examination(name, failure=f"the process ended with exit status {done.returncode}")
    return Examination(**json.loads(done.stdout.splitlines()[-1]))


def page(rows: Sequence[Examination]) -> str:
    """The whole page."""
    parts = [_HEAD, "## Accuracy", "", *_accuracy(rows), "", "## Dynamic sizes", "", _DYNAMIC, "", *_dynamic(rows)]
    parts += ["", "## Levels", "", _LEVELS, "", *_levels(rows)]
    parts += ["", "## Reproducible", "", _REPRODUCIBLE, "", *_reproducible(rows)]
    parts += ["", "## Seconds and operations", "", _SECONDS, "", *_seconds(rows)]
    failures = [f"- `{row.name}`: {row.failure}" for row in rows if row.failure]
    if failures:
        parts += ["", "## What does not work", "", *failures]
    return "\n".join([*parts, "", machine.describe(), ""])


_DYNAMIC = """One artifact with dynamic sizes runs at sizes that it was not exported with: its error against
float64, and its difference from artifacts that were compiled for one of these sizes each."""

_LEVELS = """`stepwell.verify` on the model of static sizes: the error of each stage's end against float64. PyTorch runs
the graph, numpy the tensor level, the compiler at O0 the buffer level. Seconds: compiling and running all of it."""

_REPRODUCIBLE = """Every file of `dump_ir` is read by `stepwell-opt`; the artifact is built twice, from the sources and
from a copy elsewhere under another `PYTHONHASHSEED`, and compared byte by byte."""

_SECONDS = """Export: `torch.export` and its decompositions. To linalg: import and lowering. Then the operations at
the end of each stage. Peak: resident memory of the process that did all of this page's work on the model, copies in
float64 included."""


def _accuracy(rows: Sequence[Examination]) -> list[str]:
    configs = zoo()
    lines = ["| model | configuration | error | PyTorch's | ratio | |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = f"{row.ours / row.eager:.2f}" if row.ours is not None and row.eager else "-"
        lines.append(
            f"| {row.name} | {configs[row.name].config} | {_number(row.ours)} | {_number(row.eager)} | {ratio} "
            f"| {_verdict(row.passed)} |"
        )
    return lines


def _dynamic(rows: Sequence[Examination]) -> list[str]:
    lines = ["| model | varies | sizes | error | static sizes | difference | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        dynamic = zoo()[row.name].dynamic
        if dynamic is None:
            continue
        varies = ", ".join(f"{name} {low} to {high}" for name, (low, high) in dynamic.sizes.items())
        lines.append(
            f"| {row.name} | {varies} | {row.dynamic_sizes or '-'} | {_number(row.dynamic_error)} "
            f"| {row.static_sizes or '-'} | {_number(row.static_error)} | {_verdict(bool(row.dynamic_passed))} |"
        )
    return lines


def _levels(rows: Sequence[Examination]) -> list[str]:
    stages = list(dict.fromkeys(stage for row in rows for stage in row.levels))
    lines = ["| " + " | ".join(["model", *stages, "seconds", ""]) + " |", "|---" * (len(stages) + 2) + "|"]
    for row in rows:
        if row.levels_passed is None:
            continue
        errors = [_number(row.levels.get(stage)) for stage in stages]
        lines.append("| " + " | ".join([row.name, *errors, f"{row.levels_s:.0f}", _verdict(row.levels_passed)]) + " |")
    return lines


def _reproducible(rows: Sequence[Examination]) -> list[str]:
    lines = ["| model | dumps | read back | same bytes |", "|---|---|---|---|"]
    for row in rows:
        read = "all" if row.dumps and not row.unreadable else f"not {', '.join(row.unreadable)}" if row.dumps else "-"
        same = "-" if row.differing is None else "yes" if not row.differing else f"not {', '.join(row.differing)}"
        lines.append(f"| {row.name} | {row.dumps or '-'} | {read} | {same} |")
    return lines


def _seconds(rows: Sequence[Examination]) -> list[str]:
    stages = list(dict.fromkeys(stage for row in rows for stage in row.operations))
    head = ["model", "export", "to linalg", "compile in all", *stages, "peak MB"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        seconds = (
            [f"{row.export_s:.1f}", f"{row.import_s:.2f}", f"{row.compile_s:.1f}"] if row.operations else ["-"] * 3
        )
        operations = [str(row.operations.get(stage, "-")) for stage in stages]
        lines.append("| " + " | ".join([row.name, *seconds, *operations, f"{row.peak_mb:.0f}"]) + " |")
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"


def _verdict(passed: bool) -> str:
    return "pass" if passed else "**fail**"


if __name__ == "__main__":
    sys.exit(main())
