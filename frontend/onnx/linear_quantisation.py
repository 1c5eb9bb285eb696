"""ONNX's quantising operators of constant scales in PyTorch's, as PyTorch's own flow has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.frontend.onnx.quantised import STATIC
from stepwell.frontend.onnx.replace import Makers
from stepwell.passes.graph import torch_build as tb

_KINDS = {
    "ui8": (0, 0, 255),
    "si8": (1, -128, 127),
    "si16": (2, -(1 << 15), (1 << 15) - 1),
    "si32": (3, -(1 << 31), (1 << 31) - 1),
}
"""Element type -> PyTorch's number for it, its lowest and its highest value."""

Array = np.ndarray[Any, np.dtype[Any]]


def _quantize(op: ir.Operation) -> ir.Value:
    """Divided by the scale, as ONNX has it, where PyTorch multiplies by its reciprocal; rounded, then shifted."""
    info = tb.tensor_info(op.results[0])
    assert info is not None
    scales, points = _settings(op)
    number, *ends = _KINDS[info.dtype]
    if scales.size == 1:
        divided = tb.with_scalar("div", op.operands[0], float(scales.item()))
    else:
        divided = tb.divide(op.operands[0], tb.literal(scales.reshape(_beside(op, scales.size)), "f32"))
    settings = [tb.constant(setting) for setting in (1.0, int(points.flat[0]), *ends, number)]
    return tb.build("quantized_decomposed.quantize_per_tensor", [divided, *settings], info)


def _dequantize(op: ir.Operation) -> ir.Value:
    value, info = tb.tensor_info(op.operands[0]), tb.tensor_info(op.results[0])
    assert value is not None
    assert info is not None
    scales, points = _settings(op)
    number, *ends = _KINDS[value.dtype]
    kind = [tb.constant(setting) for setting in (*ends, number)]
    if scales.size == 1:
        settings = [tb.constant(float(scales.item())), tb.constant(int(points.flat[0]))]
        name = "quantized_decomposed.dequantize_per_tensor"
    else:
        listed = np.broadcast_to(points.reshape(-1), scales.size).astype(np.int64)
        settings = [tb.literal(scales.reshape(-1), "f32"), tb.literal(listed, "si64"), tb.constant(_axis(op))]
        name = "quantized_decomposed.dequantize_per_channel"
    return tb.build(name, [op.operands[0], *settings, *kind, tb.constant(None)], info)


def _settings(op: ir.Operation) -> tuple[Array, Array]:
    """Scales and zero points; a zero point that is left out is 0."""
    scales = _literal(op.operands[1]).astype(np.float32)
    given = len(op.operands) > 2 and not tb.is_none(op.operands[2])
    return scales, _literal(op.operands[2]).astype(np.int64) if given else np.zeros(1, np.int64)


def _literal(value: ir.Value) -> Array:
    literal = tb.defining(value, "torch.vtensor.literal")
    assert literal is not None  # the names of the operators say so
    return np.array(ir.DenseElementsAttr(literal.attributes["value"]))


def _axis(op: ir.Operation) -> int:
    info = tb.tensor_info(op.operands[0])
    assert info is not None
    key = "torch.onnx.axis"
    axis = int(ir.IntegerAttr(op.attributes[key]).value) if key in op.attributes else 1
    return axis % len(info.shape)


def _beside(op: ir.Operation, count: int) -> list[int]:
    """The shape of ``count`` numbers along the axis."""
    info = tb.tensor_info(op.operands[0])
    assert info is not None
    return [count if dim == _axis(op) else 1 for dim in range(len(info.shape))]


MAKERS: Makers = {f"{STATIC}QuantizeLinear": _quantize, f"{STATIC}DequantizeLinear": _dequantize}
