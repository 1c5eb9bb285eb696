"""Numbers for each channel that sums are multiplied by, or that are added to them: batch normalisation, for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.prequantised.channels import Channelled, Found, note
from stepwell.passes.graph.prequantised.islands import Islands, Rule
from stepwell.passes.graph.prequantised.stored import constant_values
from stepwell.passes.graph.quantization.quantizer import is_f32


def rules(found: Found) -> dict[str, Rule]:
    """Rules for one function; ``found`` are its floats under a scale of their channel."""
    return {
        **{f"torch.aten.{name}.Tensor": lambda islands, op: _scale(found, islands, op) for name in ("mul", "div")},
        **{f"torch.aten.{name}.Tensor": lambda islands, op: _move(found, islands, op) for name in ("add", "sub")},
    }


def _scale(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """Other scales; a bias grows with them."""
    source, vector = _source(found, islands, op), _vector(islands, op)
    if source is None or vector is None:
        return False
    combine = tb.divide if ".div." in op.name else tb.multiply
    scales = combine(source.scales, vector)
    values = constant_values(islands.context, scales)
    if values is None or not np.isfinite(values).all() or not values.any():
        return False
    bias = None if source.bias is None else combine(source.bias, vector)
    return note(found, islands, op, replace(source, scales=scales, bias=bias))


def _move(found: Found, islands: Islands, op: ir.Operation) -> bool:
    """A bias, or more of it."""
    vector = _vector(islands, op)
    source = _source(found, islands, op) if tb.number(op.operands[2]) == 1 else None
    if source is None or vector is None:
        return False
    if source.bias is None:
        bias = tb.unary("neg", vector) if ".sub." in op.name else vector
    else:
        bias = (tb.subtract if ".sub." in op.name else tb.add)(source.bias, vector)
    return note(found, islands, op, replace(source, bias=bias))


def _source(found: Found, islands: Islands, op: ir.Operation) -> Channelled | None:
    """What ``op`` reads under scales of its channels; one scale for all is 1 for each of them."""
    value = op.operands[0]
    source, scaled, info = found.get(value), islands.floats.get(value), tb.tensor_info(value)
    if islands.weights.is_fixed(value):
        return None
    if source is not None:
        return source if not source.relu and source.factor == 1 else None
    if scaled is None or info is None or len(info.shape) < 2 or info.shape[1] is None:
        return None
    return Channelled(scaled.value, scaled.step, tb.literal(np.ones(info.shape[1], np.float32), "f32"), 1)


def _vector(islands: Islands, op: ir.Operation) -> ir.Value | None:
    """The second operand, where it is a weight that has a number for each channel of the first, as a row."""
    value, vector = op.operands[:2]
    before, info = tb.tensor_info(value), tb.tensor_info(vector)
    if before is None or info is None or not is_f32(vector) or not islands.weights.is_fixed(vector):
        return None
    channels, sizes = before.shape[1:2], info.shape
    column = (*channels, *[1] * (len(before.shape) - 2))
    if not channels or None in channels or sizes not in (column, (1, *column)):
        return None
    return tb.reshape(vector, [size for size in channels if size is not None])
