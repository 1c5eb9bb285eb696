"""Composite operators of the torch dialect in simpler ones.

Each function takes the operands and the type of the one result, and returns the new value, or None where it can't.
The formulas are those of PyTorch's documentation; NaN and infinities come out as PyTorch gives them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.narrow_means import mean
from stepwell.passes.graph.torch_build import TensorInfo

Decomposition = Callable[[Sequence[ir.Value], TensorInfo], ir.Value | None]

_FLOAT_TYPES = {"f16": ir.F16Type, "bf16": ir.BF16Type, "f32": ir.F32Type, "f64": ir.F64Type}


def reciprocal(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``1 / x``, defined at 0; torch-mlir's own lowering stops the program there."""
    info = tb.tensor_info(operands[0])
    if info is None or info.dtype != result.dtype:
        return None
    return tb.divide(_number(1.0, result), operands[0])


def equal(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x == x``, which is false for NaN; torch-mlir folds it to true."""
    if operands[0] != operands[1]:
        return None
    return tb.build("aten.logical_not", [tb.build("aten.ne.Tensor", operands, result)], result)


def fmod(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """Remainder with the sign of the dividend; torch-mlir computes it by a division, which rounds."""
    x, divisor = operands
    number = tb.number(divisor)
    if number is not None:
        divisor = _number(abs(float(number)), result)
    elif _same_dtype([divisor], result):
        divisor = tb.unary("abs", divisor)
    else:
        return None
    if not _same_dtype([x], result):
        return None
    size = tb.build("aten.remainder.Tensor", [tb.unary("abs", x), divisor], result)
    return _where(_compare("lt", x, 0.0), tb.unary("neg", size), size)


def hypot(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``sqrt(x**2 + y**2)`` without overflow: the larger times ``sqrt(1 + (smaller / larger)**2)``."""
    if not _same_dtype(operands, result):
        return None
    x, y = tb.unary("abs", operands[0]), tb.unary("abs", operands[1])
    larger, smaller = _extreme("gt", x, y), _extreme("lt", x, y)
    ratio = tb.divide(smaller, larger)
    length = tb.multiply(larger, tb.unary("sqrt", tb.with_scalar("add", tb.multiply(ratio, ratio), 1.0)))
    length = _where(_compare("eq", larger, 0.0), larger, length)
    for side in (x, y):  # infinite even where the other is NaN
        length = _where(_compare("eq", side, math.inf), side, length)
    return length


def cdist(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """Distances between the rows of two batches, in the norms 1 and 2."""
    order = tb.number(operands[2])
    if order not in (1, 2) or not _same_dtype(operands[:2], result):
        return None
    left, right = _unsqueeze(operands[0], -2), _unsqueeze(operands[1], -3)
    difference = tb.subtract(left, right)
    if order == 1:
        return _sum(tb.unary("abs", difference), -1, result)
    return tb.unary("sqrt", _sum(tb.multiply(difference, difference), -1, result))


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
    return _clamp(operands[0], low, high)


def maximum(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """The larger of two; NaN where either is NaN, which torch-mlir loses in the first."""
    return _extreme("gt", operands[0], operands[1]) if _same_dtype(operands, result) else None


def minimum(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """The smaller of two; NaN where either is NaN."""
    return _extreme("lt", operands[0], operands[1]) if _same_dtype(operands, result) else None


def sigmoid(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``1 / (1 + exp(-x))``."""
    exponential = tb.unary("exp", tb.unary("neg", operands[0]))
    return tb.divide(_number(1.0, result), tb.with_scalar("add", exponential, 1.0))


def silu(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x * sigmoid(x)``."""
    return tb.multiply(operands[0], tb.unary("sigmoid", operands[0]))


def hardtanh(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x`` clamped."""
    low, high = tb.number(operands[1]), tb.number(operands[2])
    return None if low is None or high is None else _clamp(operands[0], float(low), float(high))


def relu6(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x`` clamped to [0, 6]."""
    return _clamp(operands[0], 0.0, 6.0)


def hardsigmoid(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``clamp(x + 3, 0, 6) / 6``."""
    return tb.with_scalar("div", _clamp(tb.with_scalar("add", operands[0], 3.0), 0.0, 6.0), 6.0)


def hardswish(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x * clamp(x + 3, 0, 6) / 6``."""
    clamped = _clamp(tb.with_scalar("add", operands[0], 3.0), 0.0, 6.0)
    return tb.with_scalar("div", tb.multiply(operands[0], clamped), 6.0)


def leaky_relu(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x`` where positive, else ``slope * x``."""
    slope = tb.number(operands[1])
    if slope is None:
        return None
    return _where(_compare("gt", operands[0], 0.0), operands[0], tb.with_scalar("mul", operands[0], float(slope)))


def elu(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``scale * x`` where positive, else ``scale * alpha * (exp(input_scale * x) - 1)``."""
    x, numbers = operands[0], [tb.number(value) for value in operands[1:4]]
    alpha, scale, input_scale = (float(n) if n is not None else math.nan for n in numbers)
    if None in numbers:
        return None
    negative = tb.unary("expm1", tb.with_scalar("mul", x, input_scale))
    return _where(
        _compare("gt", x, 0.0), tb.with_scalar("mul", x, scale), tb.with_scalar("mul", negative, alpha * scale)
    )


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


def softmax(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``exp(x - max(x)) / sum(exp(x - max(x)))`` along one dimension."""
    shifted, axis = _shifted(operands, result)
    if shifted is None:
        return None
    exponential = tb.unary("exp", shifted)
    return tb.divide(exponential, _sum(exponential, axis, _reduced(result, axis), keep=True))


def log_softmax(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x - max(x) - log(sum(exp(x - max(x))))`` along one dimension."""
    shifted, axis = _shifted(operands, result)
    if shifted is None:
        return None
    total = _sum(tb.unary("exp", shifted), axis, _reduced(result, axis), keep=True)
    return tb.subtract(shifted, tb.unary("log", total))


def _number(value: float, like: TensorInfo) -> ir.Value:
    """A tensor of rank 0 in the dtype of ``like``."""
    element = _FLOAT_TYPES[like.dtype].get()
    elements = ir.DenseElementsAttr.get_splat(ir.RankedTensorType.get([], element), ir.FloatAttr.get(element, value))
    kind = like.with_shape(()).type()
    return ir.Operation.create("torch.vtensor.literal", results=[kind], attributes={"value": elements}).result


def _compare(kind: str, value: ir.Value, with_number: float) -> ir.Value:
    info = tb.tensor_info(value)
    assert info is not None
    return tb.build(f"aten.{kind}.Scalar", [value, tb.constant(with_number)], TensorInfo(info.shape, "i1"))


def _where(condition: ir.Value, then: ir.Value, otherwise: ir.Value) -> ir.Value:
    infos = [tb.tensor_info(value) for value in (then, otherwise, condition)]
    shape = tb.broadcast(tb.broadcast(infos[0], infos[1]), infos[2])  # type: ignore[arg-type]  # tensors, all three
    return tb.build("aten.where.self", [condition, then, otherwise], shape)


def _same_dtype(values: Sequence[ir.Value], result: TensorInfo) -> bool:
    return all(info is not None and info.dtype == result.dtype for info in map(tb.tensor_info, values))


def _clamp(value: ir.Value, low: float, high: float) -> ir.Value:
    info = tb.tensor_info(value)
    assert info is not None
    clamped = value
    if high < math.inf:
        clamped = _where(_compare("gt", value, high), _number(high, info), clamped)
    if min(low, high) > -math.inf:  # torch lets the upper bound win
        clamped = _where(_compare("lt", value, min(low, high)), _number(min(low, high), info), clamped)
    return clamped


def _extreme(kind: str, left: ir.Value, right: ir.Value) -> ir.Value:
    infos = [tb.tensor_info(value) for value in (left, right)]
    assert infos[0] is not None and infos[1] is not None
    both, own = TensorInfo(tb.broadcast(infos[0], infos[1]).shape, "i1"), TensorInfo(infos[0].shape, "i1")
    is_nan = tb.build("aten.ne.Tensor", [left, left], own)
    return _where(tb.build(f"aten.{kind}.Tensor", [left, right], both), left, _where(is_nan, left, right))


def _softplus(x: ir.Value, beta: float, threshold: float) -> ir.Value:
    scaled = tb.with_scalar("mul", x, beta)
    smooth = tb.with_scalar("div", tb.unary("log1p", tb.unary("exp", scaled)), beta)
    return _where(_compare("gt", scaled, threshold), x, smooth)


def _unsqueeze(value: ir.Value, axis: int) -> ir.Value:
    info = tb.tensor_info(value)
    assert info is not None
    place = axis + len(info.shape) + 1
    shape = (*info.shape[:place], 1, *info.shape[place:])
    return tb.build("aten.unsqueeze", [value, tb.constant(place)], info.with_shape(shape))


def _reduced(info: TensorInfo, axis: int) -> TensorInfo:
    return info.with_shape([1 if i == axis else size for i, size in enumerate(info.shape)])


def _sum(value: ir.Value, axis: int, result: TensorInfo, *, keep: bool = False) -> ir.Value:
    operands = [value, tb.int_list([axis]), tb.constant(keep), tb.constant(None)]
    return tb.build("aten.sum.dim_IntList", operands, result)


def _shifted(operands: Sequence[ir.Value], result: TensorInfo) -> tuple[ir.Value | None, int]:
    """``x - max(x)`` along the dimension of a softmax, and that dimension."""
    info, axis = tb.tensor_info(operands[0]), tb.number(operands[1])
    if info is None or axis is None or info.dtype != result.dtype or not info.shape:
        return None, 0
    place = int(axis) % len(info.shape)
    largest = tb.build("aten.amax", [operands[0], tb.int_list([place]), tb.constant(True)], _reduced(info, place))
    return tb.subtract(operands[0], largest), place


DECOMPOSITIONS: dict[str, tuple[Decomposition, tuple[str, ...]]] = {
    "cdist": (cdist, ("_cdist_forward",)),
    "clamp": (clamp, ("clamp",)),
    "elu": (elu, ("elu",)),
    "eq": (equal, ("eq.Tensor",)),
    "fmod": (fmod, ("fmod.Scalar", "fmod.Tensor")),
    "gelu_tanh": (gelu_tanh, ("gelu",)),
    "gelu": (gelu, ("gelu",)),  # behind gelu_tanh: with both, every form is taken apart
    "hardsigmoid": (hardsigmoid, ("hardsigmoid",)),
    "hardswish": (hardswish, ("hardswish",)),
    "hardtanh": (hardtanh, ("hardtanh",)),
    "hypot": (hypot, ("hypot",)),
    "leaky_relu": (leaky_relu, ("leaky_relu",)),
    "log_softmax": (log_softmax, ("_log_softmax", "log_softmax.int")),
    "maximum": (maximum, ("maximum",)),
    "mean": (mean, ("mean", "mean.dim")),
    "minimum": (minimum, ("minimum",)),
    "mish": (mish, ("mish",)),
    "reciprocal": (reciprocal, ("reciprocal",)),
    "relu6": (relu6, ("relu6",)),
    "sigmoid": (sigmoid, ("sigmoid",)),
    "silu": (silu, ("silu",)),
    "softmax": (softmax, ("_softmax", "softmax.int")),
    "softplus": (softplus, ("softplus",)),
}
"""By the name that users give: the decomposition, and the ``aten`` operators that it takes apart."""
