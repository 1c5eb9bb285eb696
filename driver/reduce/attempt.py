"""What is done with one candidate, in its own process."""

from __future__ import annotations

import re
import runpy
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stepwell.driver.reduce.failure import Failure, of_deviation
from stepwell.support.errors import ArtifactError


def run_passes(file: Path, pipeline: str, plugins: Sequence[Path], parameters: Path | None) -> Failure | None:
    """Run ``pipeline`` on the IR in ``file``, as stepwell-opt does; None where nothing fails.

    Raises:
        Error: a pass failed, or left invalid IR.
        ArtifactError: the file can't be read as IR.
    """
    from torch_mlir import ir

    from stepwell.dialects.context import make_context
    from stepwell.dialects.registry import load_mentioned
    from stepwell.driver.opt_pipeline import build_pipeline, mentions_torch
    from stepwell.driver.plugins import load_plugin
    from stepwell.passes.base import PassContext
    from stepwell.passes.runner import RunConfig, run_pipeline

    for plugin in plugins:
        load_plugin(plugin)
    text = file.read_text()
    context = make_context(torch=mentions_torch(text, pipeline, ()))
    load_mentioned(context, text)
    passes = build_pipeline(context, pipeline, ())
    state = PassContext()
    if parameters is not None:
        from stepwell.backends.interpreter.weights import evaluate_weight
        from stepwell.support.parameter_file import open_file

        state.evaluate, state.parameters = evaluate_weight, open_file(parameters)
    with context, ir.Location.unknown(), tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
        try:
            module = ir.Module.parse(text)
        except ir.MLIRError as failure:
            raise ArtifactError(f"'{file}' is not valid IR: {failure}") from None
        run_pipeline(passes, module, state, RunConfig(reproducer_dir=Path(folder)))
    return None


def run_model(file: Path, target: str, pipeline: str | None, check: str, plugins: Sequence[Path]) -> Failure | None:
    """Compile, or with ``check="verify"`` verify, the model in a file that :mod:`.python_file` wrote.

    Raises:
        Error: it can't be compiled.
    """
    import stepwell
    from stepwell.driver.plugins import load_plugin

    for plugin in plugins:
        load_plugin(plugin)
    made = runpy.run_path(str(file))
    model, args = made["make_model"]()
    dynamic = made["DYNAMIC_SHAPES"]
    if check == "compile":
        stepwell.compile(model, args, target=target, dynamic_shapes=dynamic, pipeline=pipeline, cache=False)
        return None
    report = stepwell.verify(model, args, target=target, dynamic_shapes=dynamic, pipeline=pipeline)
    return None if report.passed else of_deviation(report.first_pass or "", report.table())


def run_script(file: Path, script: str, pattern: re.Pattern[str] | None) -> Failure | None:
    """The user's own test: status 0 says that the candidate is still of interest."""
    done = subprocess.run([script, str(file)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode or (pattern is not None and pattern.search(said) is None):
        return None
    return Failure("script", f"'{script}' ends with status 0", frozenset(["script"]))
