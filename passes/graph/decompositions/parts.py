"""What several decompositions are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.torch_build import TensorInfo

_FLOAT_TYPES = {"f16": ir.F16Type, "bf16": ir.BF16Type, "f32": ir.F32Type, "f64": ir.F64Type}


def scalar_like(value: float, like: TensorInfo) -> ir.Value:
    """A tensor of rank 0 in the dtype of ``like``."""
    element = _FLOAT_TYPES[like.dtype].get()
    elements = ir.DenseElementsAttr.get_splat(ir.RankedTensorType.get([], element), ir.FloatAttr.get(element, value))
    kind = like.with_shape(()).type()
    return ir.Operation.create("torch.vtensor.literal", results=[kind], attributes={"value": elements}).result


def compare(kind: str, value: ir.Value, with_number: float) -> ir.Value:
    """``value`` compared with a number: ``gt``, ``lt`` or ``eq``."""
    info = tb.tensor_info(value)
    assert info is not None
    return tb.build(f"aten.{kind}.Scalar", [value, tb.constant(with_number)], TensorInfo(info.shape, "i1"))


def where(condition: ir.Value, then: ir.Value, otherwise: ir.Value) -> ir.Value:
    """``then`` where ``condition``, else ``otherwise``, of the shape that they have together."""
    first, second, third = (tb.tensor_info(value) for value in (then, otherwise, condition))
    assert first is not None and second is not None and third is not None
    shape = tb.broadcast(tb.broadcast(first, second), third)
    return tb.build("aten.where.self", [condition, then, otherwise], shape)


def same_dtype(values: Sequence[ir.Value], result: TensorInfo) -> bool:
    """Whether all ``values`` are tensors of the dtype of ``result``."""
    return all(info is not None and info.dtype == result.dtype for info in map(tb.tensor_info, values))


def clamp_between(value: ir.Value, low: float, high: float) -> ir.Value:
    """``value`` between two numbers; NaN stays NaN."""
    info = tb.tensor_info(value)
    assert info is not None
    clamped = value
    if high < math.inf:
        clamped = where(compare("gt", value, high), scalar_like(high, info), clamped)
    if min(low, high) > -math.inf:  # torch lets the upper bound win
        clamped = where(compare("lt", value, min(low, high)), scalar_like(min(low, high), info), clamped)
    return clamped


def extreme(kind: str, left: ir.Value, right: ir.Value) -> ir.Value:
    """The larger (``gt``) or smaller (``lt``) of two; NaN where either is NaN."""
    infos = [tb.tensor_info(value) for value in (left, right)]
    assert infos[0] is not None and infos[1] is not None
    both, own = TensorInfo(tb.broadcast(infos[0], infos[1]).shape, "i1"), TensorInfo(infos[0].shape, "i1")
    is_nan = tb.build("aten.ne.Tensor", [left, left], own)
    return where(tb.build(f"aten.{kind}.Tensor", [left, right], both), left, where(is_nan, left, right))


def unsqueeze(value: ir.Value, axis: int) -> ir.Value:
    """``value`` with an axis of size 1 more, counted from the last."""
    info = tb.tensor_info(value)
    assert info is not None
    place = axis + len(info.shape) + 1
    shape = (*info.shape[:place], 1, *info.shape[place:])
    return tb.build("aten.unsqueeze", [value, tb.constant(place)], info.with_shape(shape))


def reduced(info: TensorInfo, axis: int) -> TensorInfo:
    """``info`` with size 1 along ``axis``."""
    return info.with_shape([1 if i == axis else size for i, size in enumerate(info.shape)])


def sum_along(value: ir.Value, axis: int, result: TensorInfo, *, keep: bool = False) -> ir.Value:
    """The sum of ``value`` along one axis."""
    operands = [value, tb.int_list([axis]), tb.constant(keep), tb.constant(None)]
    return tb.build("aten.sum.dim_IntList", operands, result)
