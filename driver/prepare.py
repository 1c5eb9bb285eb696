"""Weight-only work, done once on the compiling host: a function for each prepared parameter, run when it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.interpreter import Interpreter
from stepwell.passes.base import PassContext
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import TensorSpec


def add_prepared(module: ir.Module | None, parameters: ParameterStore) -> None:
    """Make the results of the functions of ``module`` (``PassContext.prepare``) known to ``parameters``.

    A value is computed each time it is read, so that writing the parameter file holds one at a time.
    """
    for prepared in prepared_parameters(module) if module is not None else []:
        if prepared.name not in parameters:
            parameters.add(prepared.name, lambda p=prepared: p.compute(parameters), prepared.spec)  # type: ignore[misc]


def prepare_text(context: PassContext) -> str:
    """The prepare functions as IR text for the artifact, so that other weights can be prepared later."""
    return "" if context.prepare is None else str(context.prepare)


def prepared_parameters(module: ir.Module) -> list[Prepared]:
    """What the functions of ``module`` make, as ``prepare_text`` wrote them."""
    return [Prepared(module, view.operation) for view in module.body.operations]


class Prepared:
    """A parameter that is made from others.

    Attributes:
        name: its own.
        spec: its type and shape.
        sources: those of the parameters that it is made from.
    """

    def __init__(self, module: ir.Module, function: ir.Operation) -> None:
        self._module = module
        self._symbol = ir.StringAttr(function.attributes["sym_name"]).value
        self.name: str = ir.StringAttr(function.attributes["stepwell.prepare"]).value
        kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
        names = [
            ir.StringAttr(ir.DictAttr(attributes)["stepwell.parameter"]).value
            for attributes in ir.ArrayAttr(function.attributes["arg_attrs"])
        ]
        self.sources = [_spec(name, source) for name, source in zip(names, kind.inputs, strict=True)]
        self.spec = _spec(self.name, kind.results[0])

    def compute(self, parameters: ParameterStore) -> np.ndarray[Any, Any]:
        """Its value, from those of ``parameters``."""
        arguments = [np.asarray(parameters[source.name]) for source in self.sources]
        (result,) = Interpreter(self._module).run(self._symbol, arguments)
        return np.ascontiguousarray(result).reshape(np.shape(result))  # numpy makes 0-d arrays 1-d


def _spec(name: str, kind: ir.Type) -> TensorSpec:
    tensor = ir.RankedTensorType(kind)
    return TensorSpec(name, str(tensor.element_type), tuple(tensor.shape))
