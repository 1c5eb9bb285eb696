"""Running the IR of any level on given inputs: through PyTorch, in numpy, or natively at O0 where numpy would crawl."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch_mlir import ir

from stepwell.backends.base import Backend, Lowered
from stepwell.backends.interpreter.entry import run_entry
from stepwell.backends.interpreter.graph import GraphInterpreter
from stepwell.driver.verification.cost import estimated_steps
from stepwell.driver.verification.reference import Arrays, to_array
from stepwell.passes.base import PassContext
from stepwell.passes.levels import LEVELS
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature

Observer = Callable[[ir.Operation, list[Any]], None]

# Executed operations beyond which the interpreter would take minutes.
_STEP_LIMIT = 300_000


@dataclass
class Evaluator:
    """Runs snapshots of one program's entry on one set of inputs.

    Attributes:
        inputs: as tensors, in signature order.
        parameters: original and prepared weights, initial states under ``state:NAME``.
    """

    signature: Signature
    parameters: ParameterStore
    inputs: Sequence[torch.Tensor]
    entry: str = "main"

    def run(self, module: ir.Operation, level: str, observer: Observer | None = None) -> tuple[Arrays, str, float]:
        """Results, how they were made (``torch``, ``numpy``, ``O0``) and seconds.

        Raises:
            Error: the snapshot can't be run.
        """
        start = time.perf_counter()
        if level == "kernel":
            module = _emulated(module)
        if level == "graph":
            results, how = self._graph(module, observer), "torch"
        elif level == "hardware":
            results, how = self._stream(module), "numpy"
        elif observer is None and estimated_steps(module) > _STEP_LIMIT:
            results, how = self._native(module), "O0"
        else:
            results, how = self._numpy(module, observer), "numpy"
        return results[: len(self.signature.results)], how, time.perf_counter() - start

    def _graph(self, module: ir.Operation, observer: Observer | None) -> Arrays:
        interpreter = GraphInterpreter(module, observer=observer)
        with torch.no_grad():
            results = interpreter.run_entry(list(self.inputs), self.parameters, self.entry)
        return [to_array(result) for result in results]

    def _numpy(self, module: ir.Operation, observer: Observer | None) -> Arrays:
        states = {s.name: np.array(self.parameters[f"state:{s.name}"]) for s in self.signature.states}
        inputs = [np.array(to_array(tensor)) for tensor in self.inputs]
        outputs, _ = run_entry(module, inputs, self.parameters, states, function=self.entry, observer=observer)
        return outputs

    def _stream(self, module: ir.Operation) -> Arrays:
        from stepwell.backends.interpreter.stream import run_stream

        arrays = [to_array(tensor) for tensor in self.inputs]
        names = [spec.name for spec in self.signature.inputs]
        return run_stream(module, dict(zip(names, arrays, strict=True)), self.parameters)

    def _native(self, module: ir.Operation) -> Arrays:
        from stepwell.driver.verification.native import run_plain

        return run_plain(module, self.signature, self.parameters, self.inputs)


def run_code(backend: Backend, lowered: Lowered, inputs: Sequence[torch.Tensor], folder: Any) -> Arrays:
    """Results of the target's own code."""
    from stepwell.support import parameter_file

    code = backend.emit(lowered)
    file = folder / "model.safetensors"
    parameter_file.write(file, lowered.parameters, code.layout)
    runnable = backend.load(code, lowered.signatures, file)
    return [to_array(result) for result in runnable.run(runnable.new_session(), "main", list(inputs))]


def _emulated(module: ir.Operation) -> ir.Operation:
    """A copy of ``module`` whose kernels are loops over blocks and threads."""
    copy = module.clone()
    with copy.context, ir.Location.unknown():
        run_element(parse_element("gpu-to-loops"), copy.operation, PassContext())
    return copy.operation


def level_of(module: ir.Operation) -> str | None:
    """The level whose contract ``module`` keeps, for choosing how to run it; None where no interpreter can."""
    names: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        names.add(op.name)
        return ir.WalkResult.ADVANCE

    module.walk(visit)
    for level in ("graph", "tensor", "buffer", "hardware", "kernel"):
        if all(LEVELS[level].allows(name) for name in names):
            # Kernels whose host side has become data can't be run.
            return level if level != "kernel" or "func.func" in names else None
    executable = LEVELS["tensor"].dialects | LEVELS["buffer"].dialects | {"bufferization"}
    return "buffer" if all(name.partition(".")[0] in executable - {"llvm"} for name in names) else None
