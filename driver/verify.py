"""verify: the same inputs through every level and the target; the first pass and operation that deviate."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stepwell.backends.base import Lowered
from stepwell.backends.target import Target
from stepwell.driver.api import start
from stepwell.driver.calibration import Calibration
from stepwell.driver.calling import CallPlan
from stepwell.driver.compile import Compilation
from stepwell.driver.fallback.compile import is_refusal
from stepwell.driver.fallback.verify import verify_mixed
from stepwell.driver.request import Request, Source
from stepwell.driver.samples import random_inputs
from stepwell.driver.verification.evaluate import Evaluator, run_code
from stepwell.driver.verification.reference import Deviation, Reference, floor_of, make_reference
from stepwell.driver.verification.report import Row, VerificationReport
from stepwell.driver.verification.snapshots import History, Quantised, Recorder
from stepwell.passes.base import Pass
from stepwell.passes.pipeline import Pipeline
from stepwell.support.errors import ArtifactError, DeviceError, Error, ToolError, UsageError
from stepwell.support.log import LOGGER, begin
from stepwell.support.signature import Signature


def verify(
    model: Source,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    target: str | Target = "cpu",
    dynamic_shapes: Any = None,
    pipeline: Pipeline | str | None = None,
    calibration: Iterable[Any] | None = None,
    seed: int = 0,
    fallback: str | None = None,
) -> VerificationReport:
    """Run every level of ``model`` and the target's code on ``args`` and compare with float64.

    A model with states is called twice, and its states are compared too. Files need no ``args``: seeded random ones
    are made, and the first level is the reference.

    A target that quantises does so by ``calibration``, or by the inputs themselves. The quantised level is compared
    with the model, and may be off by what the pass that made it has noted; what follows must give its very numbers.

    With ``fallback="torch"`` a model that the target refuses is compared as a whole: its compiled regions, and what
    runs in PyTorch between them.

    Raises:
        stepwell.Error: the model can't be compiled at all.
    """
    keywords = dict(kwargs or {})
    try:
        compilation = start(model, args, keywords, target, dynamic_shapes, pipeline, None, calibration)
        return _Verification(compilation, model, args, keywords, seed, own_samples=calibration is None).run()
    except Error as failure:
        if fallback is None or not is_refusal(failure):
            raise
    request = Request(model, args, keywords, target, dynamic_shapes, pipeline, fallback=fallback)
    return verify_mixed(request.compile(use_cache=False), model, args, keywords)


class _Verification:
    def __init__(
        self,
        compilation: Compilation,
        model: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        seed: int,
        *,
        own_samples: bool,
    ) -> None:
        self.compilation = compilation
        program = compilation.program
        signature = _main(program.signatures)
        given = bool(args or kwargs)
        plan = CallPlan(signature, *program.trees.get("main", (None, None)))
        inputs = plan.flatten(args, kwargs) if given else random_inputs(signature, seed)
        # The reference is made first: lowering may take tensors over that a model shares.
        reference = make_reference(model, signature, args, kwargs) if given or not signature.inputs else None
        recorder = Recorder(program.module.operation, program.level, list(compilation.pipeline.elements()))
        compilation.observe(recorder)
        if own_samples:
            compilation.calibration = Calibration([(tuple(inputs), {})], "the inputs of verify", flat=True)
        compilation.lower()
        evaluator = Evaluator(signature, program.parameters, inputs)
        if reference is None:
            values, _, _ = evaluator.run(recorder.snapshots[0].module)
            reference = Reference(values, "first level")
        floor = floor_of(signature, compilation.backend.coarsest(compilation.target))
        self.history = History(evaluator, recorder.snapshots, reference, floor, self._quantised(recorder))
        self.report = VerificationReport(
            str(compilation.target), reference.kind, max(reference.eager_errors, default=0.0)
        )

    def _quantised(self, recorder: Recorder) -> Quantised | None:
        report = self.compilation.context.report
        for index, snapshot in enumerate(recorder.snapshots):
            error = report.get(snapshot.element.name, {}).get("error") if isinstance(snapshot.element, Pass) else None
            if error:
                last = max(i for i, other in enumerate(recorder.snapshots) if other.stage == snapshot.stage)
                return Quantised(index, last, error)
        return None

    def run(self) -> VerificationReport:
        good = 0
        for index in self._stage_ends():
            if not self.history.runnable(index):
                continue
            right = self._row(index)
            if right is None:
                continue
            if not right:
                self._blame(good, index)
                return self.report
            good = index
        self._code(good)
        return self.report

    def _stage_ends(self) -> list[int]:
        ends = {snapshot.stage: index for index, snapshot in enumerate(self.history.snapshots)}
        return sorted(ends.values())

    def _row(self, index: int) -> bool | None:
        """Whether a stage computes what it should; None where its kernels are too large, or new, for the emulator."""
        snapshot = self.history.snapshots[index]
        begin(f"running the end of stage {snapshot.stage}", index, len(self.history.snapshots))
        try:
            deviation, how, seconds = self.history.error(index)
        except Error as failure:
            if not self.history.runnable(index):
                self.report.notes.append(f"stage '{snapshot.stage}' was not run: {failure}")
                return None
            self.report.notes.append(f"stage '{snapshot.stage}' fails when it is run: {failure}")
            deviation, how, seconds = Deviation(float("inf"), self.history.floor), "failed", 0.0
        row = Row(snapshot.stage, snapshot.level, deviation.error, deviation.tolerance, how, seconds)
        self.report.rows.append(row)
        LOGGER.info("stage %s ran in %s: %.2f s, error %.1e", row.stage, how, seconds, deviation.error)
        if self.history.quantised is not None and index == self.history.quantised.last:
            self.report.notes.append(
                f"fixed point costs {deviation.error:.2e} of the largest result; levels behind it give its very numbers"
            )
        return deviation.within

    def _blame(self, good: int, bad: int) -> None:
        if bad == 0:
            self.report.first_pass = "import"
            return
        self.report.first_pass, self.report.first_operation = self.history.blame(good, bad)

    def _code(self, good: int) -> None:
        compilation = self.compilation
        program = compilation.program
        lowered = Lowered(
            program.module, program.signatures, program.parameters, compilation.context, compilation.target
        )
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
            try:
                values = run_code(compilation.backend, lowered, self.history.evaluator.inputs, Path(folder))
                deviation = self.history.compare(values, len(self.history.snapshots))
            except (ArtifactError, DeviceError, ToolError) as failure:  # of this machine, which says nothing about it
                self.report.notes.append(f"the code was not run: {failure}")
                return
            except Error as failure:
                self.report.notes.append(f"the code fails when it is run: {failure}")
                deviation = Deviation(float("inf"), self.history.floor)
        name, seconds = compilation.target.name, time.perf_counter() - start
        self.report.rows.append(Row("code", name, deviation.error, deviation.tolerance, name, seconds))
        if not deviation.within:
            self._blame_last(good)

    def _blame_last(self, good: int) -> None:
        """The code is wrong: one of the passes since the last stage that was run, or code generation."""
        history = self.history
        last = max(index for index in range(good, len(history.snapshots)) if history.runnable(index))
        if last > good and not history.right(last):
            self._blame(good, last)
            return
        rest = history.changed(last + 1, len(history.snapshots) - 1)
        passes = f"one of the {len(rest)} passes behind '{history.snapshots[last].name}', or " if rest else ""
        self.report.first_pass = f"{passes}code generation"


def _main(signatures: Mapping[str, Signature]) -> Signature:
    if "main" not in signatures:
        raise UsageError(
            f"verify runs the entry 'main', the program has {', '.join(signatures)}", hint="rename the entry to main"
        )
    return signatures["main"]
