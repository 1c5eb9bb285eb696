"""QONNX's operators in those of PyTorch: what comes out is quantised as PyTorch's own flow does it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.frontend.onnx.replace import Makers, operator_of
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.decompositions.parts import compare, scalar_like, where
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.widths import Range

Array = np.ndarray[Any, np.dtype[Any]]

_ROUNDINGS = {
    "ROUND": "round", "HALF_EVEN": "round", "FLOOR": "floor", "CEIL": "ceil", "DOWN": "trunc",
    "ROUND_TO_ZERO": "trunc",
}  # fmt: skip

_CONTAINERS = {8: (1, "si8"), 16: (2, "si16"), 32: (3, "si32"), 64: (4, "si64")}
"""Width -> PyTorch's number for integers of that width, and the torch dialect's name."""


def _quant(op: ir.Operation) -> ir.Value:
    """``(round(clamp(x / scale + zero_point)) - zero_point) * scale``: divided, then PyTorch's own operators."""
    scales, zero_points = (_constant(op, index) for index in (1, 2))
    if _word(op, "rounding_mode", "ROUND") not in ("ROUND", "HALF_EVEN"):
        raise _refuse(op, f"it rounds by {_word(op, 'rounding_mode', '')}", "inputs are rounded to nearest: ROUND")
    low, high = _ends(op, _number(op, 3))
    if (zero_points != np.round(zero_points)).any():
        first = zero_points[zero_points != np.round(zero_points)][0]
        raise _refuse(op, f"its zero point is {first}", "quantise symmetrically, or to whole zero points")
    if scales.size == zero_points.size == 1:
        return _per_tensor(op, scales.item(), round(zero_points.item()), (low, high))
    return _per_channel(op, scales, zero_points, (low, high))


def _per_tensor(op: ir.Operation, scale: float, zero_point: int, ends: Range) -> ir.Value:
    info = _info(op)
    number, name = _container(ends)
    settings = [tb.constant(setting) for setting in (zero_point, *ends, number)]
    divided = tb.with_scalar("div", op.operands[0], scale)
    integers = tb.build(
        "quantized_decomposed.quantize_per_tensor",
        [divided, tb.constant(1.0), *settings],
        tb.TensorInfo(info.shape, name),
    )
    return tb.build(
        "quantized_decomposed.dequantize_per_tensor",
        [integers, tb.constant(scale), *settings, tb.constant(None)],
        info,
    )


def _per_channel(op: ir.Operation, scales: Array, zero_points: Array, ends: Range) -> ir.Value:
    """The zero points are added before rounding, as QONNX has it, and so are not those of the first operator."""
    info = _info(op)
    axis, count = _axis(op, len(info.shape), scales, zero_points)
    shape = [count if dim == axis else 1 for dim in range(len(info.shape))]
    steps, points = (np.broadcast_to(values.reshape(-1), count) for values in (scales, zero_points))
    divided = tb.divide(op.operands[0], tb.literal(steps.astype(np.float32).reshape(shape), "f32"))
    if points.any():
        divided = tb.add(divided, tb.literal(points.astype(np.float32).reshape(shape), "f32"))
    number, name = _container(ends)
    settings = [tb.constant(setting) for setting in (*ends, number)]
    integers = tb.build(
        "quantized_decomposed.quantize_per_tensor",
        [divided, tb.constant(1.0), tb.constant(0), *settings],
        tb.TensorInfo(info.shape, name),
    )
    listed = tb.literal(steps.astype(np.float32), "f32"), tb.literal(points.astype(np.int64), "si64")
    return tb.build(
        "quantized_decomposed.dequantize_per_channel",
        [integers, *listed, tb.constant(axis), *settings, tb.constant(None)],
        info,
    )


def _axis(op: ir.Operation, rank: int, *settings: Array) -> tuple[int, int]:
    """Along which of the operand's dimensions settings differ, and its size."""
    found = {
        (rank - values.ndim + dim, size) for values in settings for dim, size in enumerate(values.shape) if size > 1
    }
    if len(found) > 1 or any(values.ndim > rank for values in settings):
        shapes = " and ".join(str(list(values.shape)) for values in settings)
        raise _refuse(op, f"its scales and zero points have shapes {shapes}", "let them differ along one dimension")
    return found.pop()


def _container(ends: Range) -> tuple[int, str]:
    """PyTorch's number for the narrowest integers that have ``ends``, and the torch dialect's name."""
    return next(
        kind for width, kind in _CONTAINERS.items() if -(1 << width - 1) <= ends[0] and ends[1] < 1 << width - 1
    )


def _bipolar(op: ir.Operation) -> ir.Value:
    """``where(x >= 0, scale, -scale)``."""
    scale, info = _number(op, 1), _info(op)
    return where(compare("ge", op.operands[0], 0.0), scalar_like(scale, info), scalar_like(-scale, info))


def _trunc(op: ir.Operation) -> ir.Value:
    """``round(clamp(round(x / scale) / 2**bits)) * step``; the outer rounding is the operator's."""
    scale, zero_point, before = (_number(op, index) for index in (1, 2, 3))
    rounding = _ROUNDINGS.get(_word(op, "rounding_mode", "FLOOR"))
    if zero_point != 0 or rounding is None:
        raise _refuse(op, "it has a zero point or rounds in a way of its own", "use FLOOR, CEIL, ROUND or DOWN")
    integers = tb.unary("round", tb.with_scalar("div", op.operands[0], scale))
    if len(op.operands) == 6:  # version 2: the scale of the result, its bits
        step, after = _number(op, 4), _number(op, 5)
        shifted = tb.with_scalar("mul", integers, 2.0 ** -round(math.log2(step / scale)))
        low, high = _ends(op, after)
        shifted = tb.build("aten.hardtanh", [shifted, tb.constant(float(low)), tb.constant(float(high))], shifted.type)
    else:
        step = scale
        shifted = tb.with_scalar("mul", integers, 2.0 ** -round(before - _number(op, 4)))
    return tb.with_scalar("mul", tb.unary(rounding, shifted), step)


def _ends(op: ir.Operation, bits: float) -> tuple[int, int]:
    """The lowest and the highest integer of ``bits``, ``signed`` and ``narrow`` as the operator says."""
    if bits != round(bits) or not 1 <= bits <= 32:
        raise _refuse(op, f"it has {bits} bits", "widths are whole numbers from 1 to 32")
    signed, narrow, width = _flag(op, "signed", 1), _flag(op, "narrow", 0), round(bits)
    if signed:
        return -(1 << (width - 1)) + narrow, (1 << (width - 1)) - 1
    return 0, (1 << width) - 1 - narrow


def _number(op: ir.Operation, index: int) -> float:
    """The number in a constant operand of one element."""
    values = _constant(op, index)
    if values.size != 1:
        raise _refuse(op, "it has one for each channel", "export with one constant for each tensor")
    return float(values.item())


def _constant(op: ir.Operation, index: int) -> Array:
    """The values of a constant operand."""
    literal = tb.defining(op.operands[index], "torch.vtensor.literal")
    if literal is None:
        raise _refuse(op, "it computes its scale, zero point or width", "export with constant scales")
    return np.array(ir.DenseElementsAttr(literal.attributes["value"]))


def _info(op: ir.Operation) -> tb.TensorInfo:
    info = tb.tensor_info(op.results[0])
    assert info is not None
    return info


def _flag(op: ir.Operation, name: str, default: int) -> int:
    key = f"torch.onnx.{name}"
    return int(ir.IntegerAttr(op.attributes[key]).value) if key in op.attributes else default


def _word(op: ir.Operation, name: str, default: str) -> str:
    key = f"torch.onnx.{name}"
    return str(ir.StringAttr(op.attributes[key]).value) if key in op.attributes else default


def _refuse(op: ir.Operation, why: str, hint: str) -> UnsupportedError:
    name = operator_of(op).removeprefix("onnx.")
    return UnsupportedError(f"QONNX's '{name}': {why}", where=describe_location(op.location), hint=hint)


MAKERS: Makers = {"Quant": _quant, "BipolarQuant": _bipolar, "Trunc": _trunc}
"""Raise :class:`UnsupportedError` at scales, zero points or widths that are computed, or that differ along several
dimensions, and at a rounding that no target computes."""
