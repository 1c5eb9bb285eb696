"""Verifying an executable of which PyTorch runs a part."""

from __future__ import annotations

import time
from typing import Any

import torch

from stepwell.driver.executable import Executable
from stepwell.driver.report import FALLBACK, fallback_lines
from stepwell.driver.verification.reference import floor_of, make_reference
from stepwell.driver.verification.report import Row, VerificationReport
from stepwell.frontend.bindings import to_numpy
from stepwell.support.errors import UsageError


def verify_mixed(
    executable: Executable,
    model: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> VerificationReport:
    """Compare all regions together with the model in float64; levels are not compared.

    Raises:
        UsageError: there are no example arguments, or no model to compare with.
    """
    assert executable.report is not None
    target, notes = str(executable.target), fallback_lines(executable.report.notes)
    if executable.report.notes[FALLBACK]["whole"]:
        return VerificationReport(target, "eager", 0.0, notes=[*notes, "nothing was compiled that could be wrong"])
    if isinstance(model, torch.export.ExportedProgram) and not args and not kwargs:
        args, kwargs = model.example_inputs or ((), {})
    plan = executable.plan("main")
    signature = plan.signature
    inputs = plan.flatten(args, kwargs)
    reference = make_reference(model, signature, args, kwargs)
    if reference is None:
        raise UsageError(
            "there is no model to compare with what falls back to PyTorch",
            hint="give verify an nn.Module or an ExportedProgram, and its example arguments",
        )
    start = time.perf_counter()
    session = executable.runnable.new_session()
    values: list[torch.Tensor] = []
    for _ in range(2 if signature.states else 1):
        values += executable.runnable.run(session, "main", inputs)
    values += [executable.runnable.state(session, spec.name) for spec in signature.states]
    deviation = reference.compare([to_numpy(value) for value in values], floor_of(signature))
    seconds = time.perf_counter() - start
    row = Row("regions", executable.target.name, deviation.error, deviation.tolerance, "mixed", seconds)
    report = VerificationReport(target, reference.kind, max(reference.eager_errors, default=0.0), [row], notes=notes)
    if row.deviates:
        report.first_pass = "one of the compiled regions"
    return report
