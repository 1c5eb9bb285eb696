"""Weights that are stored as integers, counted from their zero points; and values of parameters and constants."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.stream import integer
from stepwell.passes.base import PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.computed_weights import computation
from stepwell.passes.graph.quantization.quantizer import fixed_format, like
from stepwell.passes.graph.torch_values import to_tensor
from stepwell.passes.graph.weights import Weights, parameter_name
from stepwell.support.fixed_point import Format, smallest_format
from stepwell.support.widths import Range

Array = np.ndarray[Any, np.dtype[Any]]

_WIDTHS = {"si8": 8, "ui8": 8, "si16": 16, "si32": 32}
_I32 = 3
"""As torch counts dtypes."""


def is_stored(value: ir.Value) -> bool:
    """Whether ``value`` is a tensor of integers that weights are stored as."""
    info = tb.tensor_info(value)
    return info is not None and info.dtype in _WIDTHS


def less_zero_point(value: ir.Value, zero_point: int, ends: Range) -> ir.Value:
    """A stored weight, from ``ends[0]`` to ``ends[1]``, counted from ``zero_point``."""
    low, high = ends
    integers = tb.with_scalar("sub", _wide(value), zero_point) if zero_point else value
    return _numbers(integers, (low - zero_point, high - zero_point))


def less_zero_points(value: ir.Value, zero_points: ir.Value, points: Array, axis: int, ends: Range) -> ir.Value:
    """A stored weight counted from a zero point for each place along ``axis``; ``points`` are their values."""
    low, high = ends
    info = tb.tensor_info(value)
    assert info is not None
    if not points.any():
        return _numbers(value, ends)
    shape = [points.size if dim == axis else 1 for dim in range(len(info.shape))]
    integers = tb.subtract(_wide(value), tb.reshape(_wide(zero_points), shape))
    return _numbers(integers, (low - int(points.max()), high - int(points.min())))


def constant_values(context: PassContext, value: ir.Value) -> Array | None:
    """The values of a parameter, a constant, or what is made of those alone; None where they are not at hand."""
    literal = tb.defining(value, "torch.vtensor.literal")
    if literal is not None:
        return np.array(ir.DenseElementsAttr(literal.attributes["value"]))
    store, name = context.parameters, parameter_name(value)
    if store is None:
        return None
    if name is not None:
        context.values_read.add(name)
        return np.asarray(store[name])
    if context.evaluate is None or not Weights().is_fixed(value):
        return None
    names = {argument: parameter_name(argument) for argument in value.owner.operation.block.arguments}
    module, sources = computation(value, {argument: name for argument, name in names.items() if name is not None})
    context.values_read.update(sources)
    return np.asarray(context.evaluate(module, store))


def _wide(value: ir.Value) -> ir.Value:
    """Integers of any width in 32 bits."""
    info = tb.tensor_info(value)
    assert info is not None
    return tb.build("prims.convert_element_type", [value, tb.constant(_I32)], tb.TensorInfo(info.shape, "si32"))


def _numbers(value: ir.Value, ends: Range) -> ir.Value:
    """Integers of the graph level as numbers from ``ends[0]`` to ``ends[1]``."""
    info = tb.tensor_info(value)
    assert info is not None
    if info.dtype.startswith("u"):
        return _numbers(_wide(value), ends)
    integers = to_tensor(value)
    whole = Format(_WIDTHS[info.dtype])
    read = numeric.ReinterpretOp(integers, like(integers, whole)).output
    kind = smallest_format(ends)
    if kind.width >= fixed_format(read).width:
        return read
    low, high = (integer(end) for end in kind.range)
    return numeric.ClampOp(read, low, high, like(read, kind)).output
