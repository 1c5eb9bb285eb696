"""The compilation of one program: preflight, the target's pipeline, prepared weights, code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch_mlir import ir

from stepwell.backends.base import Backend, Lowered
from stepwell.backends.interpreter.weights import evaluate_weight
from stepwell.backends.target import Target
from stepwell.driver.assemble import OwnFile, assemble
from stepwell.driver.calibration import Calibration, arrived_quantised, measure_ranges, quantising_stage, refuse_samples
from stepwell.driver.executable import PROGRAM, SCHEDULES, Executable, WeightFacts
from stepwell.driver.pass_log import PassLog
from stepwell.driver.prepare import add_prepared, prepare_text
from stepwell.driver.remaining import pipeline_from
from stepwell.driver.report import CALIBRATION, CompileReport
from stepwell.frontend import preflight
from stepwell.frontend.program import Program
from stepwell.passes.base import PassContext
from stepwell.passes.check_level import CheckLevel
from stepwell.passes.dump import with_header
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import Observer, PassRecord, RunConfig, run_pipeline
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.database import Database


class Compilation:
    """Walks one program down the levels of a target.

    Args:
        program: the model at the graph level; its module is changed in place.
        backend: the target's backend, and ``target`` with its options resolved.
        pipeline: the passes to run, or None for the target's own; stages above the program's level are left out.
        schedules: what shapes code, or None for what the target names.
        calibration: samples for a pipeline that quantises.
    """

    def __init__(
        self,
        program: Program,
        backend: Backend,
        target: Target,
        pipeline: Pipeline | None = None,
        *,
        schedules: Schedules | None = None,
        dump_dir: Path | None = None,
        report: CompileReport | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.program = program
        self.backend = backend
        self.target = target = backend.suit(target, program.signatures) if program.level == "graph" else target
        whole = pipeline or backend.pipeline(target)
        self.pipeline = pipeline_from(whole, program.module.operation, program.level)
        trusted = pipeline is None and dump_dir is None  # verified between stages; an error is traced to its pass
        self.config = RunConfig(dump_dir=dump_dir, verify_each=not trusted)
        self.context = PassContext(
            parameters=program.parameters, schedules=schedules or backend.schedules(target), evaluate=evaluate_weight
        )
        self.report = report or CompileReport()
        self.calibration = calibration
        self._quantising = quantising_stage(self.pipeline)
        if self._quantising is not None:
            self.config = replace(self.config, before_stage={self._quantising: self._calibrate})
        self._sources: dict[str, str] = {}
        self.observe(self._keep_program)

    def observe(self, observer: Observer) -> None:
        """Have ``observer`` called after every pass."""
        self.config = replace(self.config, observers=(*self.config.observers, observer))

    def lower(self, to: str | None = None) -> None:
        """Run the pipeline to its end, or up to level ``to``.

        Raises:
            UnsupportedError: the target can't take the program; nothing was lowered then.
            PassError, LevelError: a pass failed.
        """
        with self.report.timed("preflight"):
            preflight.check(self.program, self.backend.capabilities(self.target), self.target.name)
        pipeline = self.pipeline.until(to) if to else self.pipeline
        self.observe(PassLog(pipeline))
        self.report.passes = run_pipeline(pipeline, self.program.module, self.context, self.config)
        if self.context.schedules.entries:
            self.context.note("schedules", **self.context.schedules.facts())
        self.report.notes = self.context.report
        add_prepared(self.context.prepare, self.program.parameters)

    def finish(self, forms: tuple[str, ...] = ()) -> Executable:
        """Emit code (in other ``forms`` too), write the parameter file, and load both."""
        file = OwnFile(self.program.parameters, self.report)
        lowered = Lowered(
            self.program.module, self.program.signatures, self.program.parameters, self.context, self.target, forms,
            meanwhile=file.write,
        )  # fmt: skip
        try:
            with self.report.timed("code"):
                code = self.backend.emit(lowered)
        except BaseException:
            file.close()
            raise
        return assemble(
            self.backend,
            self.target,
            code,
            self.program.signatures,
            trees=self.program.trees,
            prepare=prepare_text(self.context),
            weights=self._weight_facts(),
            sources=self.sources(),
            report=self.report,
            file=file,
        )

    def sources(self) -> dict[str, str]:
        """What the code can be made from again, as :class:`Executable` has it."""
        used = self.context.schedules.used()
        return self._sources | ({SCHEDULES: Database(used).text()} if used else {})

    def _keep_program(self, record: PassRecord, module: ir.Operation) -> None:
        names = [stage.name for stage in self.pipeline.stages]
        if record.stage == self.backend.kept_stage and record.name.startswith(CheckLevel.name):
            rest = Pipeline(self.pipeline.stages[names.index(record.stage) + 1 :])
            self._sources[PROGRAM] = with_header(module, str(rest))

    @property
    def calibrates(self) -> bool:
        """Whether the pipeline quantises by samples."""
        return self._quantising is not None

    def _calibrate(self, module: ir.Operation) -> None:
        if arrived_quantised(module):
            refuse_samples(self.calibration)
            return
        with self.report.timed("calibration"):
            count = measure_ranges(module, self.program, self.calibration)
        assert self.calibration is not None
        self.context.note(CALIBRATION, samples=count, origin=self.calibration.origin)

    def _weight_facts(self) -> WeightFacts:
        store = self.program.parameters
        read = {name: store.digest(name) for name in sorted(self.context.values_read)}
        return WeightFacts(tuple(sorted(store.constants)), dict(sorted(store.ties.items())), read)
