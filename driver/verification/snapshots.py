"""The module after every pass, and which pass is to blame where the values go wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch_mlir import ir

from stepwell.backends.interpreter.weights import evaluate_weight
from stepwell.driver.verification.evaluate import Evaluator
from stepwell.driver.verification.locate import first_deviating
from stepwell.driver.verification.reference import Arrays, Deviation, Reference
from stepwell.driver.verification.runnable import runnable_level
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.pipeline import Element
from stepwell.passes.runner import PassRecord, run_element
from stepwell.support.errors import Error, UnsupportedError


@dataclass(frozen=True)
class Snapshot:
    """The module after one pass (the first one: as imported); ``element`` is what ran, None for the import."""

    name: str
    stage: str
    level: str
    module: ir.Operation
    element: Element | None = None


@dataclass(frozen=True)
class Quantised:
    """The snapshots of the stage that quantises, from ``quantize`` on, and how far off they may be by design."""

    first: int
    last: int
    error: float


@dataclass
class History:
    """All snapshots of one compilation, and how far each is from the reference.

    Attributes:
        floor: the error that rounding explains for any result.
        quantised: where the model became fixed point: that is compared with the reference, what follows with that.
    """

    evaluator: Evaluator
    snapshots: list[Snapshot]
    reference: Reference
    floor: float
    quantised: Quantised | None = None
    _errors: dict[int, tuple[Deviation, str, float]] = field(default_factory=dict)
    _fixed: Reference | None = None
    _refused: set[int] = field(default_factory=set)

    def runnable(self, index: int) -> bool:
        """Whether some interpreter takes the snapshot; kernels that the emulator refused are known to be none."""
        return index not in self._refused and runnable_level(self.snapshots[index].module) is not None

    def error(self, index: int) -> tuple[Deviation, str, float]:
        """How far off it is, how it was run, and seconds; run once.

        Raises:
            Error: it can't be run, or fails.
        """
        if index not in self._errors:
            try:
                values, how, seconds = self.evaluator.run(self.snapshots[index].module)
            except UnsupportedError:
                if self.snapshots[index].level == "kernel":
                    self._refused.add(index)
                raise
            self._errors[index] = (self.compare(values, index), how, seconds)
        return self._errors[index]

    def compare(self, values: Arrays, index: int) -> Deviation:
        """How far ``values`` of snapshot ``index`` are off.

        Raises:
            Error: the quantised model, which they are compared with, can't be run.
        """
        quantised = self.quantised
        if quantised is None or index < quantised.first:
            return self.reference.compare(values, self.floor)
        if index <= quantised.last:
            return self.reference.compare(values, max(self.floor, quantised.error))
        if self._fixed is None:
            expected, _, _ = self.evaluator.run(self.snapshots[quantised.last].module)
            self._fixed = Reference(expected, "fixed point")
        return self._fixed.compare(values, 0.0)

    def right(self, index: int) -> bool:
        """Whether the snapshot computes what it should; one that fails when it is run does not."""
        try:
            return self.error(index)[0].within
        except Error:
            return False

    def blame(self, good: int, bad: int) -> tuple[str, str | None]:
        """The pass that made right snapshot ``good`` into wrong snapshot ``bad``, and the operation if it is found.

        Bisects: one wrong stays wrong. Snapshots that nothing can run leave a range of passes; passes that changed
        nothing drop out, and so do all others if leaving one of ours out makes the range right.
        """
        while bad - good > 1:
            middle = (good + bad) // 2
            candidates = [i for i in (*range(middle, bad), *range(middle - 1, good, -1)) if self.runnable(i)]
            if not candidates:
                break
            if self.right(candidates[0]):
                good = candidates[0]
            else:
                bad = candidates[0]
        return self._suspects(good, bad), self._operation(good, bad)

    def changed(self, first: int, last: int) -> list[Snapshot]:
        """The snapshots from ``first`` to ``last`` whose pass changed something."""
        texts = [str(self.snapshots[index].module) for index in range(first - 1, last + 1)]
        return [
            self.snapshots[first + offset]
            for offset in range(last - first + 1)
            if texts[offset] != texts[offset + 1] or _works_beside_the_module(self.snapshots[first + offset])
        ]

    def _suspects(self, good: int, bad: int) -> str:
        suspects = self.changed(good + 1, bad) or self.snapshots[good + 1 : bad + 1]
        if len(suspects) > 1:
            elements = [s.element for s in self.snapshots[good + 1 : bad + 1] if s.element is not None]
            guilty = [s for s in suspects if isinstance(s.element, Pass) and self._right_without(good, elements, s)]
            suspects = guilty if len(guilty) == 1 else suspects
        return " or ".join(snapshot.name for snapshot in suspects)

    def _right_without(self, good: int, elements: list[Element], suspect: Snapshot) -> bool:
        """Whether the passes after ``good`` but for ``suspect`` end in something that computes what it should."""
        copy = self.snapshots[good].module.clone()
        context = PassContext(parameters=self.evaluator.parameters, evaluate=evaluate_weight)
        try:
            with copy.context, ir.Location.unknown():
                for element in elements:
                    if element is not suspect.element:
                        run_element(element, copy.operation, context)
            values, _, _ = self.evaluator.run(copy.operation)
        except Error:
            return False
        return self.compare(values, good + len(elements)).within

    def _operation(self, good: int, bad: int) -> str | None:
        before, after = self.snapshots[good].module, self.snapshots[bad].module
        levels = {runnable_level(before), runnable_level(after)}
        return None if len(levels) > 1 or "hardware" in levels else first_deviating(self.evaluator, before, after)


def _works_beside_the_module(snapshot: Snapshot) -> bool:
    return snapshot.name.startswith("detach-prepare")


class Recorder:
    """An observer of a compilation that keeps every module."""

    def __init__(self, module: ir.Operation, level: str, elements: list[Element]) -> None:
        self.snapshots = [Snapshot("import", "import", level, module.clone())]
        self._elements = elements

    def __call__(self, record: PassRecord, module: ir.Operation) -> None:
        element = self._elements[record.index - 1]
        self.snapshots.append(Snapshot(record.name, record.stage, record.level, module.clone(), element))
