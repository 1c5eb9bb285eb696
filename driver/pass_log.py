"""An observer that logs passes and stages as they end."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.passes.check_level import CheckLevel
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import PassRecord
from stepwell.support.log import LOGGER, begin


class PassLog:
    """Logs each pass of ``pipeline`` (DEBUG), each stage (INFO), and which pass is next."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._names = [str(element).partition("{")[0] for element in pipeline.elements()]
        self._seconds = 0.0

    def __call__(self, record: PassRecord, module: ir.Operation) -> None:
        LOGGER.debug("pass %s: %.1f ms", record.name, record.seconds * 1e3)
        self._seconds += record.seconds
        if record.name.startswith(CheckLevel.name):
            LOGGER.info("stage %s: %.2f s, %s operations", record.stage, self._seconds, record.operations)
            self._seconds = 0.0
        if record.index < len(self._names):
            begin(f"pass {self._names[record.index]}", record.index, len(self._names))
