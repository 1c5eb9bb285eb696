"""A model that can't be compiled, crashes the compiler, or deviates: less of it that does the same."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from stepwell.driver.reduce import python_file
from stepwell.driver.reduce.attempt import run_model, run_script
from stepwell.driver.reduce.candidate import Candidate, from_model
from stepwell.driver.reduce.failure import Failure
from stepwell.driver.reduce.model_graph import ModelShrinker
from stepwell.driver.reduce.session import Reduction, Session
from stepwell.driver.reduce.worker import MODELS, get_ready, run_apart
from stepwell.support.atomic import write_text
from stepwell.support.errors import UsageError

_RUN = {
    "compile": "stepwell.compile(model, args, target={target!r}, dynamic_shapes=DYNAMIC_SHAPES{more}, cache=False)",
    "verify": "print(stepwell.verify(model, args, target={target!r}, dynamic_shapes=DYNAMIC_SHAPES{more}).table())",
}


def reduce_model(
    model: Any,
    args: tuple[Any, ...],
    output: Path,
    *,
    dynamic_shapes: Any = None,
    target: str = "cpu",
    pipeline: str | None = None,
    check: str = "compile",
    pattern: re.Pattern[str] | None = None,
    script: str | None = None,
    plugins: Sequence[Path] = (),
    seconds: float = 60.0,
    budget: float = 3600.0,
) -> Reduction:
    """Shrink ``model`` to a Python file that fails in the same way; written to ``output``.

    Args:
        model: an ``nn.Module`` or ``ExportedProgram``, or the path of a ``.pt2`` file.
        pipeline: passes instead of the target's own.
        check: ``compile``, or ``verify`` for a level that deviates.
        pattern, script, seconds, budget: as for :func:`.reduce_ir.reduce_ir`.

    Raises:
        UsageError: the model does not fail.
        UnsupportedError: it can't be exported, or written as a file.
    """
    if isinstance(model, (str, Path)):
        if Path(model).suffix != ".pt2":
            raise UsageError(f"'{model}' can't be shrunk", hint="a .pt2 or .mlir file, or pkg.module:function")
        model = torch.export.load(model)
    candidate = from_model(model, args, dynamic_shapes)
    run = _RUN[check].format(target=target, more=f", pipeline={pipeline!r}" if pipeline else "")

    with tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
        file = Path(folder) / "candidate.py"

        def write(candidate: Candidate, to: Path) -> str:
            return python_file.write(candidate, to, "Shrunk by stepwell-reduce.", run)

        def attempt(text: str) -> Failure | None:
            if script is not None:
                return run_apart(run_script, seconds, file, script, pattern)
            return run_apart(run_model, seconds, file, target, pipeline, check, list(plugins))

        get_ready(MODELS)
        session = Session(attempt, pattern, budget)
        failure = session.begin(write(candidate, file))
        shrinker = ModelShrinker(candidate, lambda smaller: session.fails(write(smaller, file)))
        size = len(candidate.calls)
        shrinker.shrink()
        file.with_suffix(".pt").unlink(missing_ok=True)
        text = write(shrinker.candidate, file)
        write_text(output, text)
        if file.with_suffix(".pt").exists():
            shutil.copy(file.with_suffix(".pt"), output.with_suffix(".pt"))
    return Reduction(failure, text, size, len(shrinker.candidate.calls), session.tried, session.seconds)
