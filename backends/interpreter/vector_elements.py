"""Vectors: getting elements in and out, shuffles."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array, element
from stepwell.backends.interpreter.operands import integers, mixed
from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.backends.interpreter.vector import vector_shape
from stepwell.support.errors import ExecutionError


def _checked(position: tuple[int, ...], shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    if any(not 0 <= index < size for index, size in zip(position, shape, strict=False)):
        raise ExecutionError(f"'{name}' at {list(position)} of a vector of the shape {list(shape)}")
    return position


@kernel("vector.extract")
def _extract(op: ir.Operation) -> Kernel:
    position = mixed(list(op.attributes["static_position"]), 1)
    name = op.name
    return lambda *values: values[0][_checked(position(values), values[0].shape, name)]


@kernel("vector.insert")
def _insert(op: ir.Operation) -> Kernel:
    position = mixed(list(op.attributes["static_position"]), 2)
    name = op.name

    def insert(*values: Any) -> Array:
        result = np.array(values[1])
        result[_checked(position(values), result.shape, name)] = values[0]
        return result

    return insert


@kernel("vector.extractelement")
def _extractelement(op: ir.Operation) -> Kernel:
    return lambda value, *position: value[tuple(position)]


@kernel("vector.insertelement")
def _insertelement(op: ir.Operation) -> Kernel:
    def insert(element_: Any, target: Array, *position: Any) -> Array:
        result = np.array(target)
        result[tuple(position)] = element_
        return result

    return insert


@kernel("vector.from_elements")
def _from_elements(op: ir.Operation) -> Kernel:
    shape, dtype = vector_shape(op.results[0].type), element(op.results[0].type).dtype
    return lambda *values: np.array(values, dtype).reshape(shape)


@kernel("vector.to_elements")
def _to_elements(op: ir.Operation) -> Kernel:
    return lambda value: tuple(value.reshape(-1)) if len(op.results) != 1 else value.reshape(-1)[0]


@kernel("vector.shuffle")
def _shuffle(op: ir.Operation) -> Kernel:
    # Where the mask says poison (-1), any element will do.
    mask = np.maximum(integers(op.attributes["mask"]), 0)
    return lambda a, b: np.concatenate([np.atleast_1d(a), np.atleast_1d(b)])[mask]


@kernel("vector.interleave")
def _interleave(op: ir.Operation) -> Kernel:
    shape = vector_shape(op.results[0].type)
    return lambda a, b: np.stack([a, b], axis=-1).reshape(shape)


@kernel("vector.deinterleave")
def _deinterleave(op: ir.Operation) -> Kernel:
    return lambda value: (value[..., 0::2], value[..., 1::2])
