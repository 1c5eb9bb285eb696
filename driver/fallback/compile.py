"""``fallback="torch"``: what a target refuses of a model runs in PyTorch, the rest is compiled, in one executable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stepwell.backends.base import Backend
from stepwell.backends.target import Target
from stepwell.driver.calling import CallPlan
from stepwell.driver.compile import Compilation
from stepwell.driver.fallback.count import operators, torch_regions
from stepwell.driver.fallback.executable import MixedExecutable
from stepwell.driver.fallback.runnable import CompiledRegion, DividedRunnable
from stepwell.driver.fallback.whole import PassOn, WholeRunnable
from stepwell.driver.report import FALLBACK, CompileReport
from stepwell.frontend.complex_pairs import complex_boundary
from stepwell.frontend.export import decompose
from stepwell.frontend.guards import check_guards
from stepwell.frontend.load import Exported
from stepwell.frontend.regions import Divided, counts, divide, import_region
from stepwell.passes.pipeline import Pipeline
from stepwell.support.errors import (
    CodegenError,
    Error,
    ImportFailure,
    InternalError,
    LevelError,
    PassError,
    UnsupportedError,
    UsageError,
)

_REFUSALS = (ImportFailure, UnsupportedError, PassError, LevelError, CodegenError)


def is_refusal(failure: Error) -> bool:
    """Whether ``failure`` says that a model can't be compiled; a pass that crashes is a fault to be reported."""
    return isinstance(failure, _REFUSALS) and not isinstance(failure, InternalError)


def check_fallback(fallback: str | None, backend: Backend, model: Any) -> None:
    """Check that ``fallback`` is possible at all.

    Raises:
        UsageError: another fallback than ``torch``, a target whose programs PyTorch can't run beside, several entries,
            or a model that is no PyTorch program.
    """
    if fallback is None:
        return
    if fallback != "torch":
        raise UsageError(f"there is no fallback '{fallback}'", hint="it is 'torch' or None")
    if not backend.beside_torch:
        raise UsageError(
            f"target '{backend.name}' has no fallback: PyTorch does not run beside it",
            hint="leave fallback= out, or compile for target 'cpu'",
        )
    path = isinstance(model, (str, Path))
    if not isinstance(model, (torch.nn.Module, torch.export.ExportedProgram)) and not (
        path and Path(model).suffix == ".pt2"
    ):
        raise UsageError(
            "fallback='torch' takes an nn.Module, an ExportedProgram or a .pt2 file",
            hint="compile entries one by one; ONNX and .mlir files have no PyTorch program to fall back on",
        )


@dataclass(frozen=True)
class Refused:
    """A model that could not be compiled as it is.

    Attributes:
        model: as the user gave it; ``exported`` is None where torch.export refused it.
        failure: why.
    """

    model: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    exported: Exported | None
    failure: Error


@dataclass(frozen=True)
class Mixing:
    """How the parts of a refused model are compiled; as for :class:`~stepwell.driver.compile.Compilation`."""

    backend: Backend
    target: Target
    pipeline: Pipeline | None
    dump_dir: Path | None
    report: CompileReport

    def compile(self, refused: Refused) -> MixedExecutable:
        """The executable; the whole model runs in PyTorch where it can't be divided.

        Raises:
            stepwell.Error: the model's own refusal, where PyTorch can't run it either.
        """
        if refused.exported is None:
            return self._whole(refused)
        try:
            exported = refused.exported
            check_guards(exported.program)
            program = decompose(exported.program)
            hints = complex_boundary(exported.program, exported.hints)
            divided = divide(program, hints, self.backend.capabilities(self.target))
        except Error as failure:
            if not is_refusal(failure):
                raise
            return self._whole(refused)
        return self._divided(divided, exported, program.range_constraints)

    def _divided(self, divided: Divided, exported: Exported, ranges: Any) -> MixedExecutable:
        compiled: dict[str, CompiledRegion] = {}
        left = list(divided.refused)
        for name, region in divided.regions.items():
            try:
                compiled[name] = self._region(divided, name, exported, ranges)
            except Error as failure:
                if not is_refusal(failure):
                    raise
                left += [(node, failure.what.splitlines()[0]) for node in region.graph.nodes if counts(node)]
        signature = divided.boundary.signature
        self.report.notes[FALLBACK] = {
            "whole": False,
            "torch_regions": torch_regions(divided.graph.graph, compiled),
            "compiled_regions": len(compiled),
            "operators": operators(left),
        }
        runnable = DividedRunnable(divided, compiled, signature)
        return MixedExecutable(self.target, runnable, CallPlan(signature, *divided.boundary.trees), self.report)

    def _region(self, divided: Divided, name: str, exported: Exported, ranges: Any) -> CompiledRegion:
        program = import_region(divided, name, ranges, exported.hints, exported.origin)
        placeholders = divided.regions[name].graph.find_nodes(op="placeholder")
        held = divided.held
        passed = [
            index
            for index, node in enumerate(placeholders)
            if node.name not in held.weights and node.name not in held.literals
        ]
        dump = self.dump_dir / name if self.dump_dir else None
        compilation = Compilation(
            program, self.backend, self.target, self.pipeline, dump_dir=dump, report=CompileReport()
        )
        with self.report.timed("regions"):
            compilation.lower()
            return CompiledRegion(compilation.finish(), passed)

    def _whole(self, refused: Refused) -> MixedExecutable:
        model, args, kwargs = refused.model, refused.args, refused.kwargs
        if refused.exported is not None and not isinstance(model, torch.nn.Module):
            program = refused.exported.program
            model = program.module()
            args, kwargs = program.example_inputs or ((), {})
        try:
            runnable = WholeRunnable(model, args, kwargs)
        except UsageError as copying:
            raise ImportFailure(
                refused.failure.what, where=refused.failure.where, hint=f"{copying.what}; {copying.hint}"
            ) from copying
        except Exception:  # PyTorch refuses this call as well
            raise refused.failure from None
        failure = refused.failure
        self.report.notes[FALLBACK] = {
            "whole": True,
            "torch_regions": 1,
            "compiled_regions": 0,
            "operators": [
                {
                    "operator": type(refused.model).__name__,
                    "count": 1,
                    "where": failure.where or "-",
                    "why": failure.what.splitlines()[0],
                }
            ],
        }
        return MixedExecutable(self.target, runnable, PassOn(), self.report)
