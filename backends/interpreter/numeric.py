"""The numeric dialect on numpy arrays of integers, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import element
from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.dialects.numeric_layout_rules import read_part
from stepwell.dialects.numeric_rules import read_format
from stepwell.dialects.numeric_scale_rules import read_ends
from stepwell.support import fixed_point as fp
from stepwell.support import scales
from stepwell.support.fixed_point import Format
from stepwell.support.scales import Scale


def format_of(value: ir.Value) -> Format:
    """The format of a fixed-point tensor."""
    kind = read_format(value.type)
    assert kind is not None
    return kind


def _word(op: ir.Operation, name: str) -> str:
    return str(ir.StringAttr(op.attributes[name]).value)


@kernel("numeric.quantize")
def _quantize(op: ir.Operation) -> Kernel:
    kind, rounding, overflow = format_of(op.results[0]), _word(op, "rounding"), _word(op, "overflow")
    return lambda a: fp.quantize(a, kind, rounding, overflow).astype(kind.dtype)


@kernel("numeric.dequantize")
def _dequantize(op: ir.Operation) -> Kernel:
    frac, dtype = format_of(op.operands[0]).frac, element(op.results[0].type).dtype
    return lambda a: fp.dequantize(a, frac, dtype)


@kernel("numeric.cast", "numeric.requantize")
def _rescale(op: ir.Operation) -> Kernel:
    kind, rounding, overflow = format_of(op.results[0]), _word(op, "rounding"), _word(op, "overflow")
    if op.name == "numeric.cast":
        multiplier, shift = 1, format_of(op.operands[0]).frac - kind.frac
    else:
        multiplier, shift = (int(ir.IntegerAttr(op.attributes[name]).value) for name in ("multiplier", "shift"))
    return lambda a: fp.fit(fp.scale_round(a, multiplier, shift, rounding), kind, overflow).astype(kind.dtype)


@kernel("numeric.reinterpret")
def _reinterpret(op: ir.Operation) -> Kernel:
    item = element(op.results[0].type)
    kind = read_format(op.results[0].type) or Format(item.width)

    def reread(a: Any) -> Any:
        if item.width == 1 and item.dtype == np.bool_:
            return np.asarray(a).astype(np.bool_)
        return fp.fit(fp.whole(a), kind, "wrap").astype(item.dtype)

    return reread


@kernel("numeric.add", "numeric.multiply", "numeric.matmul")
def _arithmetic(op: ir.Operation) -> Kernel:
    kind = format_of(op.results[0])
    compute = {"add": np.add, "multiply": np.multiply, "matmul": np.matmul}[op.name.removeprefix("numeric.")]
    # The result holds every value of the inputs' formats, so where its width fits, nothing on the way overflows.
    bits = max(kind.width, *(format_of(operand).width for operand in op.operands))
    return lambda a, b: np.asarray(compute(fp.whole(a, bits), fp.whole(b, bits))).astype(kind.dtype)


@kernel("numeric.reshape")
def _reshape(op: ir.Operation) -> Kernel:
    shape = [max(size, -1) for size in ir.RankedTensorType(op.results[0].type).shape]  # a dynamic size follows
    return lambda a: np.reshape(a, shape)


@kernel("numeric.transpose")
def _transpose(op: ir.Operation) -> Kernel:
    order = [int(ir.IntegerAttr(dim).value) for dim in ir.ArrayAttr(op.attributes["permutation"])]
    return lambda a: np.transpose(a, order)


@kernel("numeric.slice")
def _slice(op: ir.Operation) -> Kernel:
    kept = read_part(op)
    axis = int(ir.IntegerAttr(op.attributes["axis"]).value)
    part = (*[slice(None)] * axis, slice(kept.start, kept.stop, kept.step))
    return lambda a: a[part]


@kernel("numeric.concat")
def _concat(op: ir.Operation) -> Kernel:
    axis = int(ir.IntegerAttr(op.attributes["axis"]).value)
    return lambda a, b: np.concatenate((a, b), axis)


@kernel("numeric.quantize_scaled")
def _quantize_scaled(op: ir.Operation) -> Kernel:
    scale = Scale(_step(op), _word(op, "way"), read_ends(op))
    dtype = format_of(op.results[0]).dtype
    return lambda a: scales.quantize(a, scale).astype(dtype)


@kernel("numeric.dequantize_scaled")
def _dequantize_scaled(op: ir.Operation) -> Kernel:
    step = _step(op)
    return lambda a: scales.dequantize(a, step)


@kernel("numeric.clamp")
def _clamp(op: ir.Operation) -> Kernel:
    ends, dtype = read_ends(op), format_of(op.results[0]).dtype
    return lambda a: scales.clamp(a, ends).astype(dtype)


@kernel("numeric.sign")
def _sign(op: ir.Operation) -> Kernel:
    dtype = format_of(op.results[0]).dtype
    return lambda a: scales.sign(a).astype(dtype)


def _step(op: ir.Operation) -> float:
    return float(ir.FloatAttr(op.attributes["scale"]).value)
