"""From code and parameters to an executable: writes the parameter file, loads both."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepwell.backends.base import Backend, Code
from stepwell.backends.target import Target
from stepwell.driver.calling import CallPlan
from stepwell.driver.executable import Executable, WeightFacts
from stepwell.driver.report import CompileReport
from stepwell.support import parameter_file
from stepwell.support.kept_parameters import HeldFile
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature


def assemble(
    backend: Backend,
    target: Target,
    code: Code,
    signatures: dict[str, Signature],
    parameters: ParameterStore,
    *,
    trees: Mapping[str, tuple[Any, Any]],
    prepare: str,
    weights: WeightFacts,
    sources: Mapping[str, str],
    report: CompileReport,
    held: HeldFile | None = None,
) -> Executable:
    """The executable; its parameter file lives as long as it does.

    Args:
        parameters: all that ``code.layout`` names.
        trees: live input and output ``TreeSpec`` by entry, where the model came from Python.
        sources: as in :class:`Executable`.
        prepare: the functions that made the prepared weights, as text.
        held: the parameter file where it is there already; else it is written.
    """
    folder = Path(tempfile.mkdtemp(prefix="stepwell-"))
    try:
        file = held.path if held is not None else folder / "model.safetensors"
        if held is None:
            with report.timed("prepare"):
                parameter_file.write(file, parameters, code.layout)
        report.parameter_bytes = file.stat().st_size
        with report.timed("load"):
            runnable = backend.load(code, signatures, file)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    plans = {entry: CallPlan(signatures[entry], *specs) for entry, specs in trees.items()}
    executable = Executable(
        target, code, runnable, signatures, file, report=report, plans=plans, prepare=prepare, weights=weights,
        sources=sources,
    )  # fmt: skip
    weakref.finalize(executable, shutil.rmtree, folder, ignore_errors=True)
    if held is not None:
        executable.hold(held)
    return executable
