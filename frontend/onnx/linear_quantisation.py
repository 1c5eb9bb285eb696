"""ONNX's quantising operators of constant scales in PyTorch's, as PyTorch's own flow has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.frontend.onnx.quantised import STATIC
from stepwell.frontend.onnx.replace import Makers
from stepwell.passes.graph import torch_build as tb

_KINDS: dict[str, type[np.integer[Any]]] = {"ui8": np.uint8, "si8": np.int8, "si16": np.int16, "si32": np.int32}

Array = np.ndarray[Any, np.dtype[Any]]


def _quantize(op: ir.Operation) -> ir.Value:
    """Divided by the scale, as ONNX has it, where PyTorch multiplies by its reciprocal; rounded, then shifted."""
    info = _info(op.results[0])
    scales, points = _settings(op)
    if scales.size == 1:
        divided = tb.with_scalar("div", op.operands[0], float(scales.item()))
    else:
        divided = tb.divide(op.operands[0], tb.literal(scales.reshape(_beside(op, scales.size)), "f32"))
    settings = [tb.constant(setting) for setting in (1.0, int(points.flat[0]), *_kind(info))]
    return tb.build("quantized_decomposed.quantize_per_tensor", [divided, *settings], info)


def _dequantize(op: ir.Operation) -> ir.Value:
    scales, points = _settings(op)
    kind = [tb.constant(setting) for setting in _kind(_info(op.operands[0]))]
    if scales.size == 1:
        settings = [tb.constant(float(scales.item())), tb.constant(int(points.flat[0]))]
        name = "quantized_decomposed.dequantize_per_tensor"
    else:
        listed = np.broadcast_to(points.reshape(-1), scales.size).astype(np.int64)
        settings = [tb.literal(scales.reshape(-1), "f32"), tb.literal(listed, "si64"), tb.constant(_axis(op))]
        name = "quantized_decomposed.dequantize_per_channel"
    return tb.build(name, [op.operands[0], *settings, *kind, tb.constant(None)], _info(op.results[0]))


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
    key = "torch.onnx.axis"
    axis = int(ir.IntegerAttr(op.attributes[key]).value) if key in op.attributes else 1
    return axis % len(_info(op.operands[0]).shape)


def _beside(op: ir.Operation, count: int) -> list[int]:
    """The shape of ``count`` numbers along the axis."""
    return [count if dim == _axis(op) else 1 for dim in range(len(_info(op.operands[0]).shape))]


def _kind(info: tb.TensorInfo) -> tuple[int, int, int]:
    """The lowest and the highest of such integers, and torch's number for them."""
    limits = np.iinfo(_KINDS[info.dtype])
    return int(limits.min), int(limits.max), tb.NUMBERS[info.dtype]


def _info(value: ir.Value) -> tb.TensorInfo:
    info = tb.tensor_info(value)
    assert info is not None
    return info


MAKERS: Makers = {f"{STATIC}QuantizeLinear": _quantize, f"{STATIC}DequantizeLinear": _dequantize}
