"""Everything the table of models says about one model, as data."""

from __future__ import annotations

import copy
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

import stepwell
from bench import determinism, machine
from bench.accuracy import TIMES_EAGER, compare, error, leaves
from bench.sizes import pick
from examples.models import ZooModel, zoo
from stepwell.driver import opt
from stepwell.frontend.export import decompose, export_model
from stepwell.frontend.importer import import_program


@dataclass
class Examination:
    """One row.

    Attributes:
        ours, eager: error against float64, of the static variant; passed: whether ours is within the bound.
        export_s, import_s: torch.export with its decompositions; the way from there to linalg.
        compile_s: everything, code generation and parameter file included.
        dynamic_sizes: sizes tried on the one dynamic artifact; dynamic_error: the largest error against float64;
            static_sizes: at how many of them a static artifact was compiled too; static_error: the largest
            difference from it, relative; dynamic_passed: whether both are within the bound.
        levels: error of each stage that ``stepwell.verify`` runs (static variant), against float64; levels_passed:
            whether none deviates; levels_s: seconds of all that.
        dumps: files of ``dump_ir``; unreadable: those that stepwell-opt does not read back.
        differing: files of the artifact that depend on folder or hash seed.
        failure: what went wrong, if anything raised.
    """

    name: str
    ours: float | None = None
    eager: float | None = None
    passed: bool = False
    export_s: float = 0.0
    import_s: float = 0.0
    compile_s: float = 0.0
    operations: dict[str, int] = field(default_factory=dict)
    dynamic_sizes: int = 0
    dynamic_error: float | None = None
    static_sizes: int = 0
    static_error: float | None = None
    dynamic_passed: bool | None = None
    levels: dict[str, float] = field(default_factory=dict)
    levels_passed: bool | None = None
    levels_s: float = 0.0
    dumps: int = 0
    unreadable: list[str] = field(default_factory=list)
    differing: list[str] | None = None
    peak_mb: float = 0.0
    failure: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether every property holds."""
        held = self.passed and self.dynamic_passed is not False and self.levels_passed is not False
        return self.failure is None and held and not (self.unreadable or self.differing)


def examine(name: str, *, sizes: int, static_sizes: int, twice: bool, levels: bool) -> Examination:
    """Compile and check a model of the zoo.

    Args:
        sizes: sizes at which the dynamic variant runs.
        static_sizes: how many of them are also compiled statically (each takes a compilation).
        twice: also build it from two folders under two hash seeds.
        levels: also run every level (minutes for the larger ones).
    """
    entry, row = zoo()[name], Examination(name)
    step = "static"
    try:
        _static(entry, row)
        step = "dynamic"
        if entry.dynamic:
            _dynamic(entry, row, sizes, static_sizes)
        step = "two builds"
        if twice:
            row.differing = determinism.differing_files(name)
        step = "levels"
        if levels:
            _levels(entry, row)
    except Exception as failure:  # a row tells what failed, the other rows go on
        first = (str(failure).splitlines() or [""])[0]
        row.failure = f"{step}: {type(failure).__name__}: {first}"[:300]
    row.peak_mb = machine.peak_bytes() / 2**20
    return row


def _static(entry: ZooModel, row: Examination) -> None:
    model, args = entry.make()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        executable = stepwell.compile(model, args, dump_ir=folder, cache=False)
        row.compile_s = time.perf_counter() - start
        dumps = sorted(Path(folder).glob("*.mlir"))
        row.dumps = len(dumps)
        row.unreadable = [path.name for path in dumps if opt.main([str(path), "-o", os.devnull]) != 0]
    report = executable.report
    assert report is not None
    stages = {stage: (operations, ms / 1e3) for stage, _, operations, ms in report.level_rows()}
    row.export_s, import_s = _import_seconds(model, args)
    row.import_s = import_s + sum(stages[stage][1] for stage in ("graph", "tensor") if stage in stages)
    row.operations = {stage: operations for stage, (operations, _) in stages.items()}
    calls = entry.calls() if entry.calls and not entry.dynamic else [args]
    accuracy = compare(model, executable, calls)
    row.ours, row.eager, row.passed = accuracy.ours, accuracy.eager, accuracy.passed


def _levels(entry: ZooModel, row: Examination) -> None:
    model, args = entry.make()
    start = time.perf_counter()
    report = stepwell.verify(model, args)
    row.levels_s = time.perf_counter() - start
    row.levels = {found.stage: found.error for found in report.rows}
    row.levels_passed = report.passed


def _import_seconds(model: torch.nn.Module, args: tuple[Any, ...]) -> tuple[float, float]:
    """Seconds of torch.export with its decompositions, and of the import."""
    start = time.perf_counter()
    exported = decompose(export_model(model, args, {}, None))
    middle = time.perf_counter()
    import_program(exported, origin="bench")
    return middle - start, time.perf_counter() - middle


def _dynamic(entry: ZooModel, row: Examination, sizes: int, static_sizes: int) -> None:
    dynamic = entry.dynamic
    assert dynamic is not None
    model, _ = entry.make()
    example = dynamic.inputs(*dynamic.example)
    executable = stepwell.compile(copy.deepcopy(model), example, dynamic_shapes=dynamic.shapes(), cache=False)
    chosen = pick(dynamic, sizes)
    passed, worst = True, 0.0
    for numbers in chosen:
        executable.reset()
        accuracy = compare(model, executable, [dynamic.inputs(*numbers)])
        worst, passed = max(worst, accuracy.ours), passed and accuracy.passed
    if entry.calls:
        executable.reset()
        accuracy = compare(model, executable, entry.calls())
        worst, passed = max(worst, accuracy.ours), passed and accuracy.passed
    row.dynamic_sizes, row.dynamic_error = len(chosen), worst
    row.static_sizes = min(static_sizes, len(chosen))
    row.static_error = max(
        (_difference(model, executable, dynamic.inputs(*n)) for n in chosen[:static_sizes]), default=0.0
    )
    row.dynamic_passed = passed and row.static_error < max(1e-4, TIMES_EAGER * (row.eager or 0.0))


def _difference(model: torch.nn.Module, executable: Any, args: Sequence[Any]) -> float:
    static = stepwell.compile(copy.deepcopy(model), tuple(args), cache=False)
    executable.reset()
    with torch.no_grad():
        expected = [leaf.double() if leaf.is_floating_point() else leaf for leaf in leaves(static(*args))]
        return error([leaves(executable(*args))], [expected])


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    print(json.dumps(asdict(examine(**options))))
