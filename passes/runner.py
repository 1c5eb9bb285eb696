"""Runs a pipeline: passes timed, verified and observed; a failure names the pass and leaves a reproducer."""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TextIO

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.dump import file_stem, remaining_text, with_header
from stepwell.passes.pipeline import Element, Nested, Pipeline, Stage, Upstream
from stepwell.support.atomic import write_text
from stepwell.support.diagnostics import first_diagnostic, shorten
from stepwell.support.errors import Error, InternalError, PassError, UnknownPassError, UsageError
from stepwell.support.walk import operations

Observer = Callable[["PassRecord", ir.Operation], None]


@dataclass(frozen=True)
class PassRecord:
    """One pass as it ran.

    Attributes:
        name: the element as pipeline text.
        stage: the stage it belongs to; level: the level that the stage leads to.
        seconds: time of the pass itself, verification apart.
        operations: number of operations in the module afterwards; None inside a stage unless each pass is verified.
    """

    index: int
    name: str
    stage: str
    level: str
    seconds: float
    operations: int | None


@dataclass
class RunReport:
    """What a run of a pipeline did."""

    records: list[PassRecord] = field(default_factory=list)

    def by_stage(self) -> dict[str, tuple[int, float]]:
        """For each stage the operations at its end and the seconds spent in it."""
        stages: dict[str, tuple[int, float]] = {}
        for record in self.records:
            operations, seconds = stages.get(record.stage, (0, 0.0))
            counted = operations if record.operations is None else record.operations
            stages[record.stage] = (counted, seconds + record.seconds)
        return stages

    def timing_table(self) -> str:
        """Passes with their milliseconds and share of the total, slowest first."""
        total = sum(record.seconds for record in self.records) or 1e-12
        lines = [f"{'ms':>10}  {'share':>6}  {'operations':>10}  pass"]
        for record in sorted(self.records, key=lambda r: -r.seconds):
            share = 100 * record.seconds / total
            operations = "" if record.operations is None else record.operations
            lines.append(f"{record.seconds * 1e3:10.2f}  {share:5.1f}%  {operations:>10}  {record.name}")
        lines.append(f"{total * 1e3:10.2f}  100.0%  {'':>10}  total")
        return "\n".join(lines)


@dataclass(frozen=True)
class RunConfig:
    """How to run a pipeline.

    Attributes:
        verify_each: verify the IR and count its operations after every pass, not only at the end of each stage.
        dump_dir: write the IR before the first and after every pass as ``NNN-pass.mlir`` files there.
        print_before_all, print_after_all, print_after_change: print the IR to ``stream`` around passes.
        reproducer_dir: where a failing pass leaves its reproducer (a temporary folder if None).
        observers: called after each pass with its record and the module.
        before_stage: stage -> what is called with the module before it; may note things in attributes.
    """

    verify_each: bool = True
    dump_dir: Path | None = None
    print_before_all: bool = False
    print_after_all: bool = False
    print_after_change: bool = False
    stream: TextIO = sys.stderr
    reproducer_dir: Path | None = None
    observers: Sequence[Observer] = ()
    before_stage: Mapping[str, Callable[[ir.Operation], None]] = field(default_factory=dict)


def run_pipeline(
    pipeline: Pipeline,
    module: ir.Module | ir.Operation,
    context: PassContext | None = None,
    config: RunConfig | None = None,
) -> RunReport:
    """Run every pass of ``pipeline`` on ``module``, in place.

    Raises:
        PassError: a pass failed, or left IR that does not verify. The message names the pass, the operation's place
            and the reproducer file. Errors of ours that a pass raises on purpose keep their type.
    """
    root = module.operation if isinstance(module, ir.Module) else module
    return _Runner(pipeline, root, context or PassContext(), config or RunConfig()).run()


class _Runner:
    def __init__(self, pipeline: Pipeline, root: ir.Operation, context: PassContext, config: RunConfig) -> None:
        self.pipeline = pipeline
        self.root = root
        self.context = context
        self.config = config
        self.report = RunReport()

    def run(self) -> RunReport:
        steps = list(_steps(self.pipeline))
        with self.root.context, ir.Location.unknown():
            for _, element in steps:
                check_element(element, self.root.name)
            self._dump(0, "input", steps)
            start = 0
            for _, run in groupby(steps, key=lambda step: id(step[0])):
                stage_steps = list(run)
                self._stage(start, stage_steps, steps[start:])
                start += len(stage_steps)
        return self.report

    def _stage(self, start: int, steps: list[tuple[Stage, Element]], remaining: list[tuple[Stage, Element]]) -> None:
        prepare = self.config.before_stage.get(steps[0][0].name)
        if prepare is not None:
            prepare(self.root)
        snapshot = self.root.clone()
        for index, (stage, element) in enumerate(steps):
            if self.config.print_before_all:
                self._print("Before", element)
            before = str(self.root) if self.config.print_after_change else ""
            last = index == len(steps) - 1
            try:
                record = self._step(start + index + 1, stage, element, verify=last or self.config.verify_each)
            except Error as error:
                raise self._blame(error, snapshot, len(steps), remaining) from error.__cause__
            self.report.records.append(record)
            if self.config.print_after_all or (self.config.print_after_change and before != str(self.root)):
                self._print("After", element)
            self._dump(record.index, file_stem(element), remaining[index + 1 :])
            for observer in self.config.observers:
                observer(record, self.root)

    def _step(self, index: int, stage: Stage, element: Element, *, verify: bool) -> PassRecord:
        start = time.perf_counter()
        run_element(element, self.root, self.context)
        seconds = time.perf_counter() - start
        if verify:
            _verify(self.root, element)
        operations = count_operations(self.root) if verify else None
        return PassRecord(index, str(element), stage.name, stage.level, seconds, operations)

    def _blame(self, error: Error, snapshot: ir.Operation, count: int, remaining: list[tuple[Stage, Element]]) -> Error:
        """The first error of the stage, which runs again from ``snapshot``, verified and copied at every pass."""
        known = self.context
        context = PassContext(parameters=known.parameters, schedules=known.schedules, evaluate=known.evaluate)
        before, left = snapshot, remaining
        for index, (_, element) in enumerate(remaining[:count]):
            before, left = snapshot.clone(), remaining[index:]
            try:
                run_element(element, snapshot, context)
                _verify(snapshot, element)
            except Error as first:
                error = first
                break
        note = f"reproducer: {self._reproducer(before, left)}"
        error.hint = f"{error.hint}\n  {note}" if error.hint else note
        return error

    def _print(self, when: str, element: Element) -> None:
        self.config.stream.write(f"// -----// IR Dump {when} {element} //----- //\n{self.root}\n\n")

    def _dump(self, index: int, stem: str, remaining: list[tuple[Stage, Element]]) -> None:
        if self.config.dump_dir is not None:
            path = self.config.dump_dir / f"{index:03d}-{stem}.mlir"
            write_text(path, with_header(self.root, remaining_text(remaining)))

    def _reproducer(self, before: ir.Operation, remaining: list[tuple[Stage, Element]]) -> Path:
        folder = self.config.reproducer_dir or Path(tempfile.mkdtemp(prefix="stepwell-"))
        path = folder / "reproducer.mlir"
        write_text(path, with_header(before, remaining_text(remaining)))
        return path


def _verify(root: ir.Operation, element: Element) -> None:
    try:
        root.verify()
    except ir.MLIRError as failure:
        what, where = first_diagnostic(failure)
        raise PassError(f"pass '{element}' left invalid IR: {what}", where=where) from None


def check_element(element: Element, anchor: str) -> None:
    """Check that every pass exists, takes its options, and stands where it can run; in the current MLIR context.

    Raises:
        UnknownPassError: one does not exist.
        UsageError: an option or a place that does not fit. Whether upstream passes fit their places MLIR says later.
    """
    if isinstance(element, Nested):
        for inner in element.elements:
            check_element(inner, element.anchor)
    elif isinstance(element, Upstream):
        _check_upstream(element)
    elif isinstance(element, Pass) and element.anchor not in ("", anchor):
        raise UsageError(
            f"pass '{element.name}' runs on {element.anchor}, it can't be nested in {anchor}",
            hint="write it outside of the brackets",
        )


def _check_upstream(element: Upstream) -> None:
    try:
        PassManager.parse(f"any({element})")
    except ValueError as failure:
        reason = str(failure)
        if "does not refer to a registered pass" in reason:
            raise UnknownPassError(element.name) from None
        if "restricted to '" not in reason:
            text = f"pass '{element.name}' does not take '{element.options}': {shorten(reason)}"
            raise UsageError(text) from None


def run_element(element: Element, op: ir.Operation, context: PassContext) -> None:
    """Run one element of a pipeline on ``op`` without timing or verification."""
    if isinstance(element, Pass):
        _run_python(element, op, context)
    elif isinstance(element, Nested) and _has_python(element):
        for child in [child for region in op.regions for block in region for child in block.operations]:
            if element.anchor in ("any", child.operation.name):
                for inner in element.elements:
                    run_element(inner, child.operation, context)
    else:
        _run_upstream(element, op)


def _run_python(element: Pass, op: ir.Operation, context: PassContext) -> None:
    try:
        element.run(op, context)
    except ir.MLIRError as failure:
        what, where = first_diagnostic(failure)
        raise PassError(f"pass '{element}' failed: {what}", where=where) from failure
    except Error:
        raise
    except Exception as failure:
        raise _crash(element, failure) from failure


def _crash(element: Pass, failure: Exception) -> InternalError:
    frame = traceback.extract_tb(failure.__traceback__)[-1]
    reason = f"{type(failure).__name__}: {shorten(str(failure))}"
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return InternalError(f"pass '{element}' failed with an internal error: {reason} at {place}")


def _run_upstream(element: Upstream | Nested, op: ir.Operation) -> None:
    anchor = "any" if op.name == "builtin.unregistered" else op.name
    try:
        manager = PassManager.parse(f"{anchor}({element})")
    except ValueError as failure:
        what, _ = first_diagnostic(failure)
        raise PassError(f"'{element}' is not a pass that can run on {anchor}: {what}") from None
    manager.enable_verifier(False)  # the runner verifies, and names the pass when it does
    try:
        manager.run(op)
    except ir.MLIRError as failure:
        what, where = first_diagnostic(failure)
        raise PassError(f"pass '{element}' failed: {what}", where=where) from None


def _has_python(element: Element) -> bool:
    if isinstance(element, Nested):
        return any(_has_python(inner) for inner in element.elements)
    return isinstance(element, Pass)


def count_operations(op: ir.Operation) -> int:
    """Operations below ``op``, itself excluded."""
    return len(operations(op)) - 1


def _steps(pipeline: Pipeline) -> Iterator[tuple[Stage, Element]]:
    for stage in pipeline.stages:
        for element in Pipeline([stage]).elements():
            yield stage, element
