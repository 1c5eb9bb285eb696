"""What operations of ``numeric`` with a scale or with ends of their own must satisfy."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects.numeric_rules import check_float, check_holds, element_of, format_of, same_shape
from stepwell.dialects.rules import Violation, check_word
from stepwell.support.fixed_point import Format
from stepwell.support.scales import WAYS
from stepwell.support.widths import Range


def quantize_scaled(op: ir.Operation) -> None:
    """Floats to integers."""
    check_float(op.operands[0], "operand")
    kind = _integers(op.results[0], "result")
    _check_scale(op)
    check_word(op, "way", WAYS)
    check_holds(kind, _ends(op), "integer from low to high")
    same_shape(op)


def dequantize_scaled(op: ir.Operation) -> None:
    """Integers to f32."""
    _integers(op.operands[0], "operand")
    if not isinstance(element_of(op.results[0].type), ir.F32Type):
        raise Violation(f"gives {element_of(op.results[0].type)}; it gives f32")
    _check_scale(op)
    same_shape(op)


def clamp(op: ir.Operation) -> None:
    """To a format of the same fraction that has all that is left."""
    source, kind = format_of(op.operands[0], "operand"), format_of(op.results[0], "result")
    if source.frac != kind.frac:
        raise Violation(f"has {source.frac} and {kind.frac} bits of fraction; they must be equal: cast first")
    low, high = _ends(op)
    left = max(low, source.range[0]), min(high, source.range[1])
    check_holds(kind, left if left[0] <= left[1] else (low, high), "number from low to high")
    same_shape(op)


def sign(op: ir.Operation) -> None:
    """Numbers to integers that have -1 and 1."""
    format_of(op.operands[0], "operand")
    check_holds(_integers(op.results[0], "result"), (-1, 1), "sign")
    same_shape(op)


def read_ends(op: ir.Operation) -> Range:
    """The attributes ``low`` and ``high`` of an operation."""
    low, high = (int(ir.IntegerAttr(op.attributes[name]).value) for name in ("low", "high"))
    return low, high


def _ends(op: ir.Operation) -> Range:
    low, high = read_ends(op)
    if low > high:
        raise Violation(f"has low {low} above high {high}")
    return low, high


def _integers(value: ir.Value, role: str) -> Format:
    kind = format_of(value, role)
    if kind.frac != 0:
        raise Violation(f"has {kind.frac} bits of fraction beside a scale; it has integers")
    return kind


def _check_scale(op: ir.Operation) -> None:
    scale = ir.FloatAttr(op.attributes["scale"])
    if not isinstance(scale.type, ir.F32Type) or not (math.isfinite(scale.value) and scale.value > 0):
        raise Violation(f"has scale {scale}; it is a positive finite f32")
