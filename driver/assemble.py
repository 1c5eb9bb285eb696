"""From code and parameters to an executable: writes the parameter file, loads both."""

from __future__ import annotations

import shutil
import tempfile
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


class OwnFile:
    """A parameter file in a temporary folder.

    Args:
        parameters: all that the layout will name.
    """

    def __init__(self, parameters: ParameterStore, report: CompileReport) -> None:
        self._parameters: ParameterStore | None = parameters
        self._report = report
        self._folder = Path(tempfile.mkdtemp(prefix="stepwell-"))
        self.path = self._folder / "model.safetensors"

    def write(self, layout: Mapping[str, int]) -> None:
        """Prepare the weights and write them, unless that was done."""
        if self._parameters is not None:
            with self._report.timed("prepare"):
                parameter_file.write(self.path, self._parameters, layout)
            self._parameters = None  # the model's tensors are not ours to keep

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self._folder, ignore_errors=True)


def assemble(
    backend: Backend,
    target: Target,
    code: Code,
    signatures: dict[str, Signature],
    *,
    trees: Mapping[str, tuple[Any, Any]],
    prepare: str,
    weights: WeightFacts,
    sources: Mapping[str, str],
    report: CompileReport,
    file: OwnFile | HeldFile,
) -> Executable:
    """The executable; its parameter file lives as long as it does.

    Args:
        trees: live input and output ``TreeSpec`` by entry, where the model came from Python.
        sources: as in :class:`Executable`.
        prepare: the functions that made the prepared weights, as text.
        file: the parameter file; one of our own is written now, unless it was before.
    """
    try:
        if isinstance(file, OwnFile):
            file.write(code.layout)
        report.parameter_bytes = file.path.stat().st_size
        with report.timed("load"):
            runnable = backend.load(code, signatures, file.path)
    except BaseException:
        file.close()
        raise
    plans = {entry: CallPlan(signatures[entry], *specs, devices=runnable.devices) for entry, specs in trees.items()}
    executable = Executable(
        target, code, runnable, signatures, file.path, report=report, plans=plans, prepare=prepare, weights=weights,
        sources=sources,
    )  # fmt: skip
    executable.hold(file)
    return executable
