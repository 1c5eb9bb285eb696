"""The reference executor of the tensor and buffer levels, in numpy."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.control_flow import Function, build_function
from stepwell.backends.interpreter.element_types import Array, element, is_shaped
from stepwell.backends.interpreter.program import Observer
from stepwell.backends.interpreter.registry import KERNELS, STEPS, TERMINATORS
from stepwell.support.errors import ExecutionError, InputError, UsageError
from stepwell.support.locations import describe_location

_DIALECTS = (
    "affine", "arith", "arith_casts", "bufferization", "complex", "intrinsics", "tiles", "linalg", "linalg_layout",
    "llvm_calls", "math", "memref", "memref_views", "numeric", "numeric_functions", "numeric_windows", "scf",
    "scf_parallel", "tensor",
    "tensor_slices", "vector", "vector_elements", "vector_memory", "vector_reduce",
)  # fmt: skip

External = Callable[..., Any]

_MAX_DEPTH = 500


def known_operations() -> frozenset[str]:
    """Names of the operations that can be run."""
    _load_dialects()
    return frozenset(KERNELS) | frozenset(STEPS) | TERMINATORS


def _load_dialects() -> None:
    for dialect in _DIALECTS:
        importlib.import_module(f"stepwell.backends.interpreter.{dialect}")


class Interpreter:
    """Runs functions of a module.

    Values: a tensor or vector is a numpy array that nobody changes, a memref an array that aliases its base and is
    changed in place, a number a numpy scalar. ``bf16`` and ``float8`` come from ``ml_dtypes``.

    Args:
        module: at the tensor or buffer level; not changed.
        observer: called after every operation outside of structured bodies with the operation and its results.
        externals: what to call for functions without a body, by symbol.
    """

    def __init__(
        self,
        module: ir.Module | ir.Operation,
        observer: Observer | None = None,
        externals: dict[str, External] | None = None,
    ) -> None:
        _load_dialects()
        # Operations do not keep the module around them alive.
        self._module = module
        self._observer = observer
        self.externals: dict[str, External] = dict(externals or {})
        self._built: dict[str, Function] = {}
        self._depth = 0
        self._functions: dict[str, ir.Operation] = {}
        for op in module.operation.regions[0].blocks[0].operations:
            if op.operation.name == "func.func":
                self._functions[ir.StringAttr(op.operation.attributes["sym_name"]).value] = op.operation

    def function(self, name: str) -> ir.Operation:
        """The ``func.func`` called ``name``."""
        if name not in self._functions:
            raise UsageError(f"there is no function '@{name}'", hint=f"functions are {', '.join(self._functions)}")
        return self._functions[name]

    @property
    def functions(self) -> list[str]:
        """Names of the module's functions."""
        return list(self._functions)

    def run(self, function: str, arguments: Sequence[Any]) -> list[Any]:
        """Run ``function``; memref arguments are changed in place, results come as arrays (0-d for numbers).

        Raises:
            UnsupportedError: an operation that the interpreter does not know.
            ExecutionError: the program does something undefined (out of bounds, division by zero, a failed assertion).
            InputError: arguments that do not fit the function's type.
        """
        types = list(ir.FunctionType(ir.TypeAttr(self.function(function).attributes["function_type"]).value).inputs)
        if len(types) != len(arguments):
            raise InputError(f"'@{function}' takes {len(types)} arguments, {len(arguments)} were given")
        values = [_checked(value, type_, i) for i, (value, type_) in enumerate(zip(arguments, types, strict=True))]
        with np.errstate(all="ignore"):
            return [np.asarray(value) for value in self._call(function, values)]

    def _call(self, name: str, arguments: list[Any]) -> list[Any]:
        if name in self.externals:
            result = self.externals[name](*arguments)
            return [] if result is None else list(result) if isinstance(result, tuple) else [result]
        if name not in self._built:
            op = self.function(name)
            if not list(op.regions[0].blocks):
                raise ExecutionError(f"'@{name}' has no body to run", where=describe_location(op.location))
            self._built[name] = build_function(op, self._call, self._observer)
        if self._depth > _MAX_DEPTH:
            raise ExecutionError(f"'@{name}' calls itself too deeply")
        self._depth += 1
        try:
            return self._built[name].run(arguments)
        finally:
            self._depth -= 1


def _checked(value: Any, type_: ir.Type, position: int) -> Any:
    item = element(type_)
    array: Array = np.asarray(value)
    if not is_shaped(type_):
        return array.astype(item.dtype)[()]
    if array.dtype != item.dtype and array.dtype.itemsize == item.dtype.itemsize and array.dtype.kind in "iub":
        array = array.view(item.dtype)
    expected = list(type_.shape)
    fits = array.ndim == len(expected) and all(
        type_.is_dynamic_dim(dim) or size == array.shape[dim] for dim, size in enumerate(expected)
    )
    if array.dtype != item.dtype or not fits:
        raise InputError(f"argument {position} is {array.dtype}{list(array.shape)}, expected {type_}")
    if isinstance(type_, ir.MemRefType) and array is not value and not np.shares_memory(array, value):
        raise InputError(f"argument {position} must be a numpy array, it is changed in place")
    return array
