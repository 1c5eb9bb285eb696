"""Weight-only work, done once on the compiling host: a function for each prepared parameter, run when it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.interpreter import Interpreter
from stepwell.passes.base import PassContext
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import TensorSpec


def add_prepared(context: PassContext, parameters: ParameterStore) -> None:
    """Make the results of ``context.prepare``'s functions known to ``parameters``.

    A value is computed each time it is read, so that writing the parameter file holds one at a time.
    """
    if context.prepare is None:
        return
    for function in context.prepare.body.operations:
        name = ir.StringAttr(function.operation.attributes["stepwell.prepare"]).value
        if name not in parameters:
            loader = _Prepared(context.prepare, function.operation, parameters)
            parameters.add(name, loader, _result_spec(name, function.operation))


def _result_spec(name: str, function: ir.Operation) -> TensorSpec:
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value).results[0]
    result = ir.RankedTensorType(kind)
    return TensorSpec(name, str(result.element_type), tuple(result.shape))


def prepare_text(context: PassContext) -> str:
    """The prepare functions as IR text for the artifact, so that other weights can be prepared later."""
    return "" if context.prepare is None else str(context.prepare)


class _Prepared:
    def __init__(self, module: ir.Module, function: ir.Operation, parameters: ParameterStore) -> None:
        self._module = module
        self._symbol = ir.StringAttr(function.attributes["sym_name"]).value
        self._sources = [
            ir.StringAttr(ir.DictAttr(attributes)["stepwell.parameter"]).value
            for attributes in ir.ArrayAttr(function.attributes["arg_attrs"])
        ]
        self._parameters = parameters

    def __call__(self) -> np.ndarray[Any, Any]:
        arguments = [np.asarray(self._parameters[source]) for source in self._sources]
        (result,) = Interpreter(self._module).run(self._symbol, arguments)
        return np.ascontiguousarray(result)
