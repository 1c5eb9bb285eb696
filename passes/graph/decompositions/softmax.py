"""Softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.decompositions.parts import reduced, sum_along
from stepwell.passes.graph.torch_build import TensorInfo


def softmax(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``exp(x - max(x)) / sum(exp(x - max(x)))`` along one dimension."""
    shifted, axis = _shifted(operands, result)
    if shifted is None:
        return None
    exponential = tb.unary("exp", shifted)
    return tb.divide(exponential, sum_along(exponential, axis, reduced(result, axis), keep=True))


def log_softmax(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x - max(x) - log(sum(exp(x - max(x))))`` along one dimension."""
    shifted, axis = _shifted(operands, result)
    if shifted is None:
        return None
    total = sum_along(tb.unary("exp", shifted), axis, reduced(result, axis), keep=True)
    return tb.subtract(shifted, tb.unary("log", total))


def _shifted(operands: Sequence[ir.Value], result: TensorInfo) -> tuple[ir.Value | None, int]:
    """``x - max(x)`` along the dimension of a softmax, and that dimension."""
    info, axis = tb.tensor_info(operands[0]), tb.number(operands[1])
    if info is None or axis is None or info.dtype != result.dtype or not info.shape:
        return None, 0
    place = int(axis) % len(info.shape)
    largest = tb.build("aten.amax", [operands[0], tb.int_list([place]), tb.constant(True)], reduced(info, place))
    return tb.subtract(operands[0], largest), place
