"""Running the IR of any level on given inputs: through PyTorch, in numpy, or natively at O0 where numpy would crawl.

What a run gives is a flat list of arrays: the results of each call in signature order, then the states after the last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch_mlir import ir

from stepwell.backends.base import Backend, Lowered, Runnable
from stepwell.backends.interpreter.entry import EntryInterpreter
from stepwell.backends.interpreter.graph import GraphInterpreter
from stepwell.driver.verification.cost import estimated_steps
from stepwell.driver.verification.reference import Arrays
from stepwell.driver.verification.runnable import runnable_level
from stepwell.frontend.bindings import to_numpy
from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.support.dtypes import numpy_dtype
from stepwell.support.errors import UnsupportedError
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature, TensorSpec
from stepwell.support.walk import operations

Observer = Callable[[ir.Operation, list[Any]], None]

# Executed operations beyond which the interpreter would take minutes.
_STEP_LIMIT = 300_000


@dataclass
class Evaluator:
    """Runs snapshots of one program's entry on one set of inputs, ``calls`` times with the states carried on.

    Attributes:
        inputs: as tensors, in signature order.
        parameters: original and prepared weights, initial states under ``state:NAME``.
    """

    signature: Signature
    parameters: ParameterStore
    inputs: Sequence[torch.Tensor]
    entry: str = "main"

    @property
    def calls(self) -> int:
        """One, or two where a second call sees the states that the first left."""
        return calls_of(self.signature)

    def run(self, module: ir.Operation, observer: Observer | None = None) -> tuple[Arrays, str, float]:
        """Values, how they were made (``torch``, ``numpy``, ``O0``, ``emulator``) and seconds.

        Raises:
            Error: the snapshot can't be run.
        """
        start = time.perf_counter()
        level = runnable_level(module, self.entry)
        if level == "kernel" and _of_the_chip(module):
            from stepwell.backends.cuda.emulate.host import emulated

            return self._numpy(emulated(module), observer), "emulator", time.perf_counter() - start
        if level == "kernel":
            module, level = _as_loops(module), "buffer"
        if level is None:
            raise UnsupportedError(
                "this state of the program can't be run by any interpreter",
                hint="start at the graph, tensor or buffer level",
            )
        if level == "graph":
            values, how = self._graph(module, observer), "torch"
        elif level == "hardware":
            values, how = self._stream(module), "numpy"
        elif observer is None and estimated_steps(module) > _STEP_LIMIT:
            values, how = self._native(module), "O0"
        else:
            values, how = self._numpy(module, observer), "numpy"
        return values, how, time.perf_counter() - start

    def _graph(self, module: ir.Operation, observer: Observer | None) -> Arrays:
        interpreter = GraphInterpreter(module, observer=observer)
        values: dict[str, Any] = {name: self.parameters[name] for name in self.parameters}
        outputs: Arrays = []
        count = len(self.signature.results)
        states: list[Any] = [values[f"state:{spec.name}"] for spec in self.signature.states]
        with torch.no_grad():
            for _ in range(self.calls):
                values.update({f"state:{s.name}": v for s, v in zip(self.signature.states, states, strict=True)})
                results = interpreter.run_entry([tensor.clone() for tensor in self.inputs], values, self.entry)
                outputs += [to_numpy(result).copy() for result in results[:count]]
                states = results[count:]
        return outputs + [to_numpy(state) if isinstance(state, torch.Tensor) else state for state in states]

    def _numpy(self, module: ir.Operation, observer: Observer | None) -> Arrays:
        specs = self.signature.results
        dtypes = [numpy_dtype(spec.dtype) for spec in specs]
        interpreter = EntryInterpreter(module, self.entry, observer, dtypes)
        parameters = _without_made(self.parameters, module)
        states = {s.name: np.array(self.parameters[f"state:{s.name}"]) for s in self.signature.states}
        outputs: Arrays = []
        for _ in range(self.calls):
            inputs = [np.array(to_numpy(tensor)) for tensor in self.inputs]
            results, states = interpreter.run(inputs, parameters, states)
            outputs += [signed(result, spec) for result, spec in zip(results, specs, strict=True)]
        return outputs + [signed(states[spec.name], spec) for spec in self.signature.states]

    def _stream(self, module: ir.Operation) -> Arrays:
        from stepwell.backends.interpreter.stream import run_stream

        arrays = [to_numpy(tensor) for tensor in self.inputs]
        names = [spec.name for spec in self.signature.inputs]
        return run_stream(module, dict(zip(names, arrays, strict=True)), self.parameters)

    def _native(self, module: ir.Operation) -> Arrays:
        from stepwell.driver.verification.native import run_plain

        return run_plain(module, self.signature, self.parameters, self.inputs, self.entry)


def calls_of(signature: Signature) -> int:
    """How often an entry is called to be compared."""
    return 2 if signature.states else 1


def signed(value: np.ndarray[Any, Any], spec: TensorSpec) -> np.ndarray[Any, Any]:
    """``value`` of a signless IR type with the dtype of the signature (``i8`` that are ``ui8``, bools); same bits."""
    dtype = numpy_dtype(spec.dtype)
    same_width = value.dtype != dtype and value.dtype.itemsize == dtype.itemsize
    return value.view(dtype) if same_width and value.dtype.kind in "uib" else value


def call_runnable(
    runnable: Runnable, signature: Signature, inputs: Sequence[torch.Tensor], entry: str = "main"
) -> Arrays:
    """The values of loaded code."""
    session = runnable.new_session()
    outputs: Arrays = []
    for _ in range(calls_of(signature)):
        outputs += [to_numpy(result) for result in runnable.run(session, entry, list(inputs))]
    return outputs + [to_numpy(runnable.state(session, spec.name)) for spec in signature.states]


def run_code(backend: Backend, lowered: Lowered, inputs: Sequence[torch.Tensor], folder: Any) -> Arrays:
    """The values of the target's own code."""
    from stepwell.support import parameter_file

    code = backend.emit(lowered)
    file = folder / "model.safetensors"
    parameter_file.write(file, lowered.parameters, code.layout)
    runnable = backend.load(code, lowered.signatures, file)
    # Copied: a state may be a view of memory that the session takes along.
    return [np.array(value) for value in call_runnable(runnable, lowered.signatures["main"], inputs)]


def _without_made(parameters: ParameterStore, module: ir.Operation) -> Mapping[str, Any]:
    """``parameters`` without those that functions of ``module`` make: they are to be made by them."""
    made = {
        ir.StringAttr(view.operation.attributes["stepwell.prepare"]).value
        for view in module.regions[0].blocks[0].operations
        if "stepwell.prepare" in view.operation.attributes
    }
    if not made:
        return parameters
    kept = ParameterStore()
    for name in parameters:
        if name not in made:
            kept.add(name, lambda name=name: parameters[name])  # type: ignore[misc]
    return kept


def _of_the_chip(module: ir.Operation) -> bool:
    """Whether kernels do what loops over their threads can't: instructions of the chip, and threads that meet."""
    names = {op.name for op in operations(module)}
    return bool(names & {"llvm.inline_asm", "gpu.barrier"}) or any(name.startswith("nvvm.") for name in names)


def _as_loops(module: ir.Operation) -> ir.Operation:
    """A copy of ``module`` whose kernels are loops over blocks and threads."""
    copy = module.clone()
    with copy.context, ir.Location.unknown():
        run_element(parse_element("gpu-to-loops"), copy.operation, PassContext())
    return copy.operation
