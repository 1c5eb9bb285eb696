"""The complex dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import element, scalar
from stepwell.backends.interpreter.registry import Kernel, kernel

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "complex.add": np.add, "complex.sub": np.subtract, "complex.mul": np.multiply, "complex.div": np.divide,
    "complex.neg": np.negative, "complex.conj": np.conj, "complex.exp": np.exp, "complex.log": np.log,
    "complex.sin": np.sin, "complex.cos": np.cos, "complex.tan": np.tan, "complex.tanh": np.tanh,
    "complex.sqrt": np.sqrt, "complex.pow": np.power, "complex.expm1": np.expm1, "complex.log1p": np.log1p,
    "complex.eq": np.equal, "complex.neq": np.not_equal, "complex.abs": np.abs, "complex.angle": np.angle,
    "complex.rsqrt": lambda a: 1 / np.sqrt(a),
    "complex.sign": lambda a: np.where(a == 0, a, a / np.abs(a)),
}  # fmt: skip


@kernel(*_FUNCTIONS)
def _function(op: ir.Operation) -> Kernel:
    function = _FUNCTIONS[op.name]
    dtype = element(op.results[0].type).dtype
    return lambda *values: scalar(np.asarray(function(*values)).astype(dtype))


@kernel("complex.create")
def _create(op: ir.Operation) -> Kernel:
    dtype = element(op.results[0].type).dtype

    def create(real: Any, imaginary: Any) -> Any:
        result = np.empty(np.broadcast(real, imaginary).shape, dtype)
        result.real, result.imag = real, imaginary
        return scalar(result)

    return create


@kernel("complex.re", "complex.im")
def _part(op: ir.Operation) -> Kernel:
    return (lambda a: a.real) if op.name == "complex.re" else (lambda a: a.imag)


@kernel("complex.constant")
def _constant(op: ir.Operation) -> Kernel:
    real, imaginary = (float(part.value) for part in op.attributes["value"])
    value = element(op.results[0].type).dtype.type(complex(real, imaginary))
    return lambda: value


@kernel("complex.bitcast")
def _bitcast(op: ir.Operation) -> Kernel:
    dtype = element(op.results[0].type).dtype
    return lambda a: scalar(np.asarray(a).view(dtype))
