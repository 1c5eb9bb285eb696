"""The target ``interpreter``: the reference, run from the IR itself."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch_mlir import ir

from stepwell.backends.base import Backend, Capabilities, Code, Lowered, Runnable
from stepwell.backends.interpreter.entry import EntryInterpreter
from stepwell.backends.interpreter.graph import GraphInterpreter, as_tensor
from stepwell.backends.target import Target
from stepwell.dialects.context import make_context
from stepwell.frontend.bindings import to_numpy
from stepwell.passes.pipeline import Pipeline, Stage, parse_element
from stepwell.passes.stages import graph_stage, tensor_stage
from stepwell.support import parameter_file as files
from stepwell.support.dtypes import torch_dtype
from stepwell.support.errors import UsageError
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature

_CODE = "model.mlir"
_DTYPES = frozenset(
    {
        "i1",
        "i8",
        "ui8",
        "i16",
        "i32",
        "i64",
        "f8E4M3FN",
        "f8E5M2",
        "f16",
        "bf16",
        "f32",
        "f64",
        "complex<f32>",
        "complex<f64>",
    }
)

# The states of one user, by name.
States = dict[str, Any]


class InterpreterBackend(Backend):
    """Runs the graph level through PyTorch, or the tensor level in numpy."""

    name: ClassVar[str] = "interpreter"
    summary: ClassVar[str] = "the reference: the IR itself, in numpy or PyTorch"
    options: ClassVar[Mapping[str, str]] = {"level": "the level that is run: graph or tensor (default)"}
    beside_torch: ClassVar[bool] = True

    def resolve(self, target: Target) -> Target:
        super().resolve(target)
        return Target(self.name, level=target.choice("level", ("graph", "tensor"), "tensor"))

    def capabilities(self, target: Target) -> Capabilities:
        return Capabilities(_DTYPES)

    def pipeline(self, target: Target) -> Pipeline:
        if target.get("level", "tensor") == "graph":
            return Pipeline([graph_stage()])
        prepare = Stage("prepare", "tensor", [parse_element("detach-prepare")])
        return Pipeline([graph_stage(), tensor_stage(), prepare])

    def emit(self, lowered: Lowered) -> Code:
        names = [
            *_parameter_names(lowered.module.operation),
            *(n for n in lowered.parameters if n.startswith("state:")),
        ]
        text = lowered.module.operation.get_asm(enable_debug_info=True)
        level = lowered.target.get("level", "tensor")
        layout = files.aligned_layout(lowered.parameters, dict.fromkeys(names))
        return Code({_CODE: text.encode()}, {"level": level}, layout)

    def load(
        self, code: Code, signatures: dict[str, Signature], parameter_file: Path, folder: Path | None = None
    ) -> Runnable:
        module = ir.Module.parse(code.files[_CODE].decode(), make_context())
        return InterpreterRunnable(module, code.facts["level"], signatures, files.open_file(parameter_file))


class InterpreterRunnable(Runnable):
    """A module with its parameters; calls run one after the other."""

    def __init__(
        self, module: ir.Module, level: str, signatures: dict[str, Signature], parameters: ParameterStore
    ) -> None:
        self._module = module
        self._level = level
        self._signatures = signatures
        self._parameters = parameters
        self._entries: dict[str, EntryInterpreter] = {}
        self._lock = threading.Lock()

    def rebind(self, parameter_file: Path) -> None:
        self._parameters = files.open_file(parameter_file)

    def new_session(self) -> States:
        names = {spec.name for signature in self._signatures.values() for spec in signature.states}
        return {name: np.array(self._parameters[f"state:{name}"]) for name in sorted(names)}

    def run(self, session: Any, entry: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        signature = self._signatures.get(entry)
        if signature is None:
            raise UsageError(f"there is no entry '{entry}'", hint=f"entries are {', '.join(self._signatures)}")
        with self._lock, torch.no_grad():
            if self._level == "graph":
                return self._run_graph(session, entry, signature, inputs)
            if entry not in self._entries:
                self._entries[entry] = EntryInterpreter(self._module, entry)
            arrays = [to_numpy(tensor) for tensor in inputs]
            outputs, states = self._entries[entry].run(arrays, self._parameters, session)
        session.update(states)
        # Below the torch dialect integers have no sign: the signature has it.
        return [
            as_tensor(output).view(torch_dtype(spec.dtype))
            for output, spec in zip(outputs, signature.results, strict=True)
        ]

    def _run_graph(
        self, session: States, entry: str, signature: Signature, inputs: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        values: dict[str, Any] = {name: self._parameters[name] for name in self._parameters}
        values.update({f"state:{name}": value for name, value in session.items()})
        results = GraphInterpreter(self._module).run_entry(inputs, values, entry)
        count = len(signature.results)
        for spec, value in zip(signature.states, results[count:], strict=True):
            session[spec.name] = to_numpy(value)
        return results[:count]

    def state(self, session: Any, name: str) -> torch.Tensor:
        if name not in session:
            return super().state(session, name)
        return as_tensor(np.array(session[name]))


def _parameter_names(root: ir.Operation) -> list[str]:
    """Parameters that the entries take, in the order of their arguments."""
    names: dict[str, None] = {}
    for op in root.regions[0].blocks[0].operations:
        if op.operation.name == "func.func" and "arg_attrs" in op.operation.attributes:
            for marks in ir.ArrayAttr(op.operation.attributes["arg_attrs"]):
                for item in ir.DictAttr(marks):
                    if item.name == "stepwell.parameter":
                        names[ir.StringAttr(item.attr).value] = None
    return list(names)
