"""Samples by which a float model is quantised: where they come from, and the ranges that they leave in the IR."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from stepwell.driver.calling import CallPlan
from stepwell.driver.samples import read_inputs
from stepwell.passes.pipeline import Element, Pipeline
from stepwell.support.errors import UnsupportedError, UsageError
from stepwell.support.walk import operations

if TYPE_CHECKING:
    from torch_mlir import ir

    from stepwell.frontend.program import Program

_HINT = "give calibration=[(x,), ...]: the arguments of a few typical calls"

GIVEN = "given"
"""Where samples come from that a user gave."""

Call = tuple[tuple[Any, ...], Mapping[str, Any]]


@dataclass(frozen=True)
class Calibration:
    """Calls of the model: positional and keyword arguments of each, and where they came from.

    ``flat``: the arguments are the inputs of the entry, in its order. ``files``: more calls, each the arrays of a file.
    """

    calls: Sequence[Call]
    origin: str
    flat: bool = False
    files: Sequence[Path] = ()

    @staticmethod
    def given(samples: Iterable[Any]) -> Calibration:
        """From what a user calls samples: tuples of positional arguments, or dictionaries of keyword arguments.

        Raises:
            UsageError: samples of another kind, or none.
        """
        calls: list[Call] = []
        for sample in samples:
            if isinstance(sample, Mapping):
                calls.append(((), sample))
            elif isinstance(sample, (tuple, list)):
                calls.append((tuple(sample), {}))
            else:
                raise UsageError(f"a sample is the arguments of a call, not a {type(sample).__name__}", hint=_HINT)
        if not calls:
            raise UsageError("calibration needs at least one sample", hint=_HINT)
        return Calibration(calls, GIVEN)

    def inputs(self, program: Program, entry: str) -> list[list[torch.Tensor]]:
        """The tensors of each call, checked as those of a call are."""
        plan = CallPlan(program.signatures[entry], *program.trees.get(entry, (None, None)))
        calls = [plan.check(args) if self.flat else plan.flatten(args, dict(kwargs)) for args, kwargs in self.calls]
        return calls + [plan.check(read_inputs(plan.signature, [file], 0)) for file in self.files]


def quantising_stage(pipeline: Pipeline) -> str | None:
    """The stage that begins by quantising: what it needs to know is measured before it."""
    return next((stage.name for stage in pipeline.stages if stage.elements and _quantises(stage.elements[0])), None)


def arrived_quantised(module: ir.Operation) -> bool:
    """Whether a pass has found the model's own scales: no others are measured."""
    return any(op.name.startswith("numeric.") for op in operations(module))


def refuse_samples(calibration: Calibration | None) -> None:
    """Samples for a model that brings its own scales would do nothing.

    Raises:
        UsageError: a user gave some.
    """
    if calibration is not None and calibration.origin == GIVEN:
        raise UsageError(
            "the model arrives quantised, with scales of its own: samples would change nothing",
            hint="leave calibration= or --calibrate out",
        )


def measure_ranges(module: ir.Operation, program: Program, calibration: Calibration | None) -> int:
    """Run the samples through ``module`` and note the range of each value; gives their number.

    Raises:
        UsageError: there are no samples. UnsupportedError: there are several entries.
    """
    from stepwell.backends.interpreter.calibrate import calibrate

    if len(program.signatures) > 1:
        raise UnsupportedError(
            f"the program has the entries {', '.join(program.signatures)}; one is quantised at a time",
            hint="compile each by itself",
        )
    if calibration is None:
        raise UsageError("a float model is quantised by samples, and this one brings none", hint=_HINT)
    (entry,) = program.signatures
    samples = calibration.inputs(program, entry)
    calibrate(module, samples, program.parameters, entry)
    return len(samples)


def _quantises(element: Element) -> bool:
    return getattr(element, "name", "") == "quantize"
