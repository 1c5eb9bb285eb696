"""What becomes of a random program: every level as verify runs it, then the code at the second size."""

from __future__ import annotations

from dataclasses import dataclass

import torch

import stepwell
from random_programs.program import Program
from stepwell.driver.executable import Executable
from stepwell.driver.verification.evaluate import call_runnable
from stepwell.driver.verification.reference import floor_of, make_reference
from stepwell.support.errors import Error, ImportFailure, InputError, UnsupportedError


@dataclass(frozen=True)
class Outcome:
    """``right``, ``refused`` with a message that says why, ``wrong`` (it deviates), ``failed``, or ``outside``.

    Outside is a program that torch exports for one size, or for a range without the second, alone.
    """

    kind: str
    message: str = ""


def judge(program: Program) -> Outcome:
    """Compile and run ``program`` at every level and size."""
    first, *others = program.sizes
    try:
        report = stepwell.verify(program.module, first, dynamic_shapes=program.dynamic)
        if not report.passed:
            return Outcome("wrong", report.table())
        if others:
            compiled = stepwell.compile(program.module, first, dynamic_shapes=program.dynamic, cache=False)
            return _at_other_size(program, compiled, others[0])
    except InputError as refusal:
        return Outcome("outside", str(refusal))
    except (UnsupportedError, ImportFailure) as refusal:
        outside = "does not keep the dynamic shapes" in str(refusal)
        return Outcome("outside" if outside else "refused", str(refusal))
    except Error as failure:
        return Outcome("failed", str(failure))
    return Outcome("right")


def _at_other_size(program: Program, compiled: Executable, args: tuple[torch.Tensor, ...]) -> Outcome:
    signature = compiled.signatures["main"]
    reference = make_reference(program.module, signature, args, {})
    assert reference is not None
    inputs = compiled.plan("main").flatten(args, {})
    deviation = reference.compare(call_runnable(compiled.runnable, signature, inputs), floor_of(signature))
    if deviation.within:
        return Outcome("right")
    return Outcome("wrong", f"at the second size: off by {deviation.error:.2e}, allowed {deviation.tolerance:.2e}")
