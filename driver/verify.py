"""verify: the same inputs through every level and the target; the first pass and operation that deviate."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch_mlir import ir

from stepwell.backends.base import Lowered
from stepwell.backends.target import Target
from stepwell.driver.api import Source, start
from stepwell.driver.calling import CallPlan
from stepwell.driver.compile import Compilation
from stepwell.driver.samples import random_inputs
from stepwell.driver.verification.evaluate import Evaluator, level_of, run_code
from stepwell.driver.verification.locate import first_deviating
from stepwell.driver.verification.reference import Reference, error_of, make_reference
from stepwell.driver.verification.report import Row, VerificationReport
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import PassRecord
from stepwell.support.errors import Error

# Errors that rounding explains, by the narrowest float dtype at the boundary (relative to the largest result).
_TOLERANCES = {"f64": 1e-12, "f32": 1e-4, "f16": 2e-2, "bf16": 1e-1}


@dataclass(frozen=True)
class _Snapshot:
    """The module after one pass (index 0: as imported)."""

    name: str
    stage: str
    level: str
    module: ir.Operation


def verify(
    model: Source,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    target: str | Target = "cpu",
    dynamic_shapes: Any = None,
    pipeline: Pipeline | str | None = None,
    seed: int = 0,
) -> VerificationReport:
    """Run every level of ``model`` and the target's code on ``args`` and compare with float64.

    Files need no ``args``: seeded random ones are made.

    Raises:
        stepwell.Error: the model can't be compiled at all.
    """
    compilation = start(model, args, kwargs, target, dynamic_shapes, pipeline, None)
    return _Verification(compilation, model, args, dict(kwargs or {}), seed).run()


class _Verification:
    def __init__(
        self, compilation: Compilation, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], seed: int
    ) -> None:
        self.compilation = compilation
        program = compilation.program
        self.signature = program.signatures["main"]
        plan = CallPlan(self.signature, *program.trees.get("main", (None, None)))
        self.inputs = plan.flatten(args, kwargs) if args or kwargs else random_inputs(self.signature, seed)
        reference = make_reference(model, self.signature, args, kwargs) if args or kwargs else None
        self.evaluator = Evaluator(self.signature, program.parameters, self.inputs)
        self.snapshots = [_Snapshot("import", "import", program.level, program.module.operation.clone())]
        compilation.observe(self._snapshot)
        compilation.lower()
        self.reference = reference or self._first_level()
        self.report = VerificationReport(
            str(compilation.target), self.reference.kind, self.reference.eager_error, self._tolerance()
        )

    def run(self) -> VerificationReport:
        good = 0
        for index in self._stage_ends():
            snapshot = self.snapshots[index]
            level = level_of(snapshot.module)
            if level is None:
                continue
            if not self._row(snapshot.stage, snapshot.level, index):
                self._blame(good, index)
                return self.report
            good = index
        self._code(good)
        return self.report

    def _snapshot(self, record: PassRecord, module: ir.Operation) -> None:
        self.snapshots.append(_Snapshot(record.name, record.stage, record.level, module.clone()))

    def _stage_ends(self) -> list[int]:
        ends = {snapshot.stage: index for index, snapshot in enumerate(self.snapshots)}
        return sorted(ends.values())

    def _first_level(self) -> Reference:
        results, _, _ = self.evaluator.run(self.snapshots[0].module, self.snapshots[0].level)
        return Reference(results, "first level", 0.0)

    def _tolerance(self) -> float:
        kinds = [spec.dtype for spec in (*self.signature.inputs, *self.signature.results)]
        floats = [_TOLERANCES[kind] for kind in kinds if kind in _TOLERANCES]
        return max([4 * self.reference.eager_error, *floats], default=0.0)

    def _error(self, index: int) -> tuple[float, str, float]:
        module = self.snapshots[index].module
        results, how, seconds = self.evaluator.run(module, level_of(module) or "buffer")
        return error_of(results, self.reference.results), how, seconds

    def _row(self, stage: str, level: str, index: int) -> bool:
        try:
            error, how, seconds = self._error(index)
        except Error as failure:
            self.report.notes.append(f"stage '{stage}' fails when run: {failure}")
            error, how, seconds = float("inf"), "failed", 0.0
        self.report.rows.append(Row(stage, level, error, how, seconds))
        return error <= self.report.tolerance

    def _blame(self, good: int, bad: int) -> None:
        """Bisect between a snapshot that is right and one that is wrong; one wrong stays wrong."""
        while bad - good > 1:
            middle = (good + bad) // 2
            runnable = [i for i in (*range(middle, bad), *range(middle - 1, good, -1)) if level_of(self.snapshots[i].module)]
            if not runnable:
                break
            try:
                right = self._error(runnable[0])[0] <= self.report.tolerance
            except Error:
                right = False
            good, bad = (runnable[0], bad) if right else (good, runnable[0])
        self.report.first_pass = " or ".join(snapshot.name for snapshot in self.snapshots[good + 1 : bad + 1])
        levels = {level_of(self.snapshots[i].module) for i in (good, bad)}
        if len(levels) == 1 and (level := levels.pop()):
            before, after = self.snapshots[good].module, self.snapshots[bad].module
            self.report.first_operation = first_deviating(self.evaluator, before, after, level)

    def _code(self, good: int) -> None:
        compilation = self.compilation
        program = compilation.program
        lowered = Lowered(
            program.module, program.signatures, program.parameters, compilation.context, compilation.target
        )
        with tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
            try:
                results = run_code(compilation.backend, lowered, self.inputs, Path(folder))
            except Error as failure:
                self.report.notes.append(f"the code was not run: {failure.what}")
                return
        error = error_of(results[: len(self.reference.results)], self.reference.results)
        self.report.rows.append(Row("code", compilation.target.name, error, compilation.target.name, 0.0))
        if error > self.report.tolerance:
            self._blame_last(good)

    def _blame_last(self, good: int) -> None:
        last = max(i for i in range(good, len(self.snapshots)) if level_of(self.snapshots[i].module))
        if last > good and self._error(last)[0] > self.report.tolerance:
            self._blame(good, last)
            return
        rest = [snapshot.name for snapshot in self.snapshots[last + 1 :]]
        self.report.first_pass = f"behind '{self.snapshots[last].name}': one of {len(rest)} passes to the backend level, or code generation"

