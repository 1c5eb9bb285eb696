"""Activations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.decompositions.parts import clamp_between, compare, scalar_like, where
from stepwell.passes.graph.torch_build import TensorInfo


def sigmoid(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``1 / (1 + exp(-x))``."""
    exponential = tb.unary("exp", tb.unary("neg", operands[0]))
    return tb.divide(scalar_like(1.0, result), tb.with_scalar("add", exponential, 1.0))


def silu(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x * sigmoid(x)``."""
    return tb.multiply(operands[0], tb.unary("sigmoid", operands[0]))


def hardtanh(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x`` clamped."""
    low, high = tb.number(operands[1]), tb.number(operands[2])
    return None if low is None or high is None else clamp_between(operands[0], float(low), float(high))


def relu6(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x`` clamped to [0, 6]."""
    return clamp_between(operands[0], 0.0, 6.0)


def hardsigmoid(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``clamp(x + 3, 0, 6) / 6``."""
    return tb.with_scalar("div", clamp_between(tb.with_scalar("add", operands[0], 3.0), 0.0, 6.0), 6.0)


def hardswish(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x * clamp(x + 3, 0, 6) / 6``."""
    clamped = clamp_between(tb.with_scalar("add", operands[0], 3.0), 0.0, 6.0)
    return tb.with_scalar("div", tb.multiply(operands[0], clamped), 6.0)


def leaky_relu(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x`` where positive, else ``slope * x``."""
    slope = tb.number(operands[1])
    if slope is None:
        return None
    return where(compare("gt", operands[0], 0.0), operands[0], tb.with_scalar("mul", operands[0], float(slope)))


def elu(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``scale * x`` where positive, else ``scale * alpha * (exp(input_scale * x) - 1)``."""
    x, numbers = operands[0], [tb.number(value) for value in operands[1:4]]
    alpha, scale, input_scale = (float(n) if n is not None else math.nan for n in numbers)
    if None in numbers:
        return None
    negative = tb.unary("expm1", tb.with_scalar("mul", x, input_scale))
    return where(compare("gt", x, 0.0), tb.with_scalar("mul", x, scale), tb.with_scalar("mul", negative, alpha * scale))


def softplus(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``log(1 + exp(beta * x)) / beta``, and ``x`` where ``beta * x`` exceeds the threshold."""
    beta, threshold = tb.number(operands[1]), tb.number(operands[2])
    return None if beta is None or threshold is None else _softplus(operands[0], float(beta), float(threshold))


def mish(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x * tanh(softplus(x))``."""
    return tb.multiply(operands[0], tb.unary("tanh", _softplus(operands[0], 1.0, 20.0)))


def gelu(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x / 2 * (1 + erf(x / sqrt(2)))``, or its approximation by tanh."""
    x, approximation = operands[0], tb.defining(operands[1], "torch.constant.str")
    if approximation is None:
        return None
    if ir.StringAttr(approximation.attributes["value"]).value == "tanh":
        cube = tb.multiply(tb.multiply(x, x), x)
        inner = tb.with_scalar("mul", tb.add(x, tb.with_scalar("mul", cube, 0.044715)), math.sqrt(2 / math.pi))
        share = tb.unary("tanh", inner)
    else:
        share = tb.unary("erf", tb.with_scalar("mul", x, math.sqrt(0.5)))
    return tb.multiply(tb.with_scalar("mul", x, 0.5), tb.with_scalar("add", share, 1.0))


def gelu_tanh(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """:func:`gelu` where it is approximated by tanh; others stay."""
    approximation = tb.defining(operands[1], "torch.constant.str")
    if approximation is None or ir.StringAttr(approximation.attributes["value"]).value != "tanh":
        return None
    return gelu(operands, result)


def _softplus(x: ir.Value, beta: float, threshold: float) -> ir.Value:
    scaled = tb.with_scalar("mul", x, beta)
    smooth = tb.with_scalar("div", tb.unary("log1p", tb.unary("exp", scaled)), beta)
    return where(compare("gt", scaled, threshold), x, smooth)
