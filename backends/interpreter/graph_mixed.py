"""Halfway to the tensor level: tensor operations between torch operators, and the casts that join them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import element
from stepwell.backends.interpreter.interpreter import known_operations
from stepwell.backends.interpreter.registry import KERNELS
from stepwell.frontend.bindings import to_numpy
from stepwell.support.dtypes import torch_dtype

_ELEMENT = re.compile(r"!torch\.vtensor<.*,s?([^,>]+(?:<\w+>)?)>")

CASTS = frozenset(
    {
        "torch_c.to_builtin_tensor", "torch_c.from_builtin_tensor", "torch_c.to_i64", "torch_c.from_i64",
        "torch_c.to_i1", "torch_c.from_i1", "torch_c.to_f64", "torch_c.from_f64",
    }
)  # fmt: skip


def is_mixed(name: str) -> bool:
    """Whether :func:`mixed_function` takes operations called ``name``."""
    return name in CASTS or (name in known_operations() and name in KERNELS)


def mixed_function(op: ir.Operation) -> Any:
    """What a cast or an operation of the tensor level computes, from a list of operands to a list of results."""
    if op.name == "torch_c.to_builtin_tensor":
        dtype = element(op.results[0].type).dtype
        return lambda operands: [_viewed(to_numpy(operands[0]), dtype)]
    if op.name == "torch_c.from_builtin_tensor":
        found = _ELEMENT.fullmatch(str(op.results[0].type))
        wanted = torch_dtype(found[1]) if found else None
        return lambda operands: [_tensor(operands[0], wanted)]
    if op.name in CASTS:
        to_number = {"i64": int, "i1": bool, "f64": float}[op.name.rpartition("_")[2]]
        if op.name.startswith("torch_c.from_"):
            return lambda operands: [to_number(operands[0])]
        scalar = element(op.results[0].type).dtype.type
        return lambda operands: [scalar(operands[0])]
    kernel, count = KERNELS[op.name](op), len(op.results)

    def call(operands: list[Any]) -> list[Any]:
        result = kernel(*operands)
        if count == 1:
            return [result]
        return list(result) if count else []

    return call


def _viewed(array: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Unsigned bytes as the signless type has them."""
    return array.view(dtype) if array.dtype != dtype and array.dtype.itemsize == dtype.itemsize else array


def _tensor(array: Any, dtype: torch.dtype | None) -> torch.Tensor:
    from stepwell.backends.interpreter.graph import as_tensor

    tensor = as_tensor(np.array(array, order="C"))
    return tensor if dtype is None or tensor.dtype is dtype else tensor.view(dtype)
