"""Quotients, remainders, lengths, and the smaller and larger of two."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.decompositions.parts import (
    clamp_between,
    compare,
    extreme,
    same_dtype,
    scalar_like,
    sum_along,
    unsqueeze,
    where,
)
from stepwell.passes.graph.torch_build import TensorInfo


def reciprocal(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``1 / x``, defined at 0; torch-mlir's own lowering stops the program there."""
    info = tb.tensor_info(operands[0])
    if info is None or info.dtype != result.dtype:
        return None
    return tb.divide(scalar_like(1.0, result), operands[0])


def equal(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x == x``, which is false for NaN; torch-mlir folds it to true."""
    if operands[0] != operands[1]:
        return None
    return tb.build("aten.logical_not", [tb.build("aten.ne.Tensor", operands, result)], result)


def compare_number(name: str, operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """A comparison with a whole number; torch-mlir, folding that of a constant, takes the number for a float's bits."""
    number = tb.number(operands[1])
    if not isinstance(number, int):
        return None
    return tb.build(f"aten.{name}.Scalar", [operands[0], tb.constant(float(number))], result)


def fmod(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """Remainder with the sign of the dividend; torch-mlir computes it by a division, which rounds."""
    x, divisor = operands
    number = tb.number(divisor)
    if number is not None:
        divisor = scalar_like(abs(float(number)), result)
    elif same_dtype([divisor], result):
        divisor = tb.unary("abs", divisor)
    else:
        return None
    if not same_dtype([x], result):
        return None
    size = tb.build("aten.remainder.Tensor", [tb.unary("abs", x), divisor], result)
    return where(compare("lt", x, 0.0), tb.unary("neg", size), size)


def hypot(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``sqrt(x**2 + y**2)`` without overflow: the larger times ``sqrt(1 + (smaller / larger)**2)``."""
    if not same_dtype(operands, result):
        return None
    x, y = tb.unary("abs", operands[0]), tb.unary("abs", operands[1])
    larger, smaller = extreme("gt", x, y), extreme("lt", x, y)
    ratio = tb.divide(smaller, larger)
    length = tb.multiply(larger, tb.unary("sqrt", tb.with_scalar("add", tb.multiply(ratio, ratio), 1.0)))
    length = where(compare("eq", larger, 0.0), larger, length)
    for side in (x, y):  # infinite even where the other is NaN
        length = where(compare("eq", side, math.inf), side, length)
    return length


def cdist(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """Distances between the rows of two batches, in the norms 1 and 2."""
    order = tb.number(operands[2])
    if order not in (1, 2) or not same_dtype(operands[:2], result):
        return None
    left, right = unsqueeze(operands[0], -2), unsqueeze(operands[1], -3)
    difference = tb.subtract(left, right)
    if order == 1:
        return sum_along(tb.unary("abs", difference), -1, result)
    return tb.unary("sqrt", sum_along(tb.multiply(difference, difference), -1, result))


def clamp(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x`` between two numbers, either of which may be None; NaN stays NaN, which torch-mlir loses."""
    bounds = [
        math.inf * sign if tb.is_none(value) else tb.number(value)
        for sign, value in zip((-1, 1), operands[1:3], strict=True)
    ]
    info = tb.tensor_info(operands[0])
    if None in bounds or info is None or info.dtype != result.dtype:
        return None
    low, high = (float(bound or 0) for bound in bounds)
    return clamp_between(operands[0], low, high)


def maximum(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """The larger of two; NaN where either is NaN, which torch-mlir loses in the first."""
    return extreme("gt", operands[0], operands[1]) if same_dtype(operands, result) else None


def minimum(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """The smaller of two; NaN where either is NaN."""
    return extreme("lt", operands[0], operands[1]) if same_dtype(operands, result) else None
