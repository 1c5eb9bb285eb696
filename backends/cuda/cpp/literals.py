"""Constants in C++."""

from __future__ import annotations

import math

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.cpp.types import Types, element, lanes

_SUFFIX = {"i32": "u", "i64": "ull", "index": "ull"}
_WIDTH = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "index": 64}
_ROUND = {"f16": "__float2half_rn", "bf16": "__float2bfloat16_rn"}


def constant(attribute: ir.Attribute, kind: ir.Type, types: Types) -> str:
    """An attribute of an operation like ``arith.constant``."""
    if not isinstance(attribute, ir.DenseElementsAttr):
        return number(attribute, kind)
    own, dense = element(kind), ir.DenseElementsAttr(attribute)
    if dense.is_splat:
        return f"splat<{types.name(own)}, {lanes(kind)}>({number(dense.get_splat_value(), own)})"
    make = ir.FloatAttr.get if isinstance(own, ir.FloatType) else ir.IntegerAttr.get
    inside = ", ".join(number(make(own, value), own) for value in attribute)
    return f"{types.name(kind)}{{{inside}}}"


def number(attribute: ir.Attribute, kind: ir.Type) -> str:
    """One number."""
    name = str(kind)
    if isinstance(attribute, ir.BoolAttr):
        return "true" if ir.BoolAttr(attribute).value else "false"
    if name in _WIDTH:
        return integer(ir.IntegerAttr(attribute).value, name)
    value = ir.FloatAttr(attribute).value
    if name in _ROUND:
        return f"{_ROUND[name]}({_real(value, single=True)})"
    return _real(value, single=name == "f32")


def integer(value: int, name: str) -> str:
    """An integer of type ``name``, unsigned as all of them are here."""
    width = _WIDTH[name]
    if width == 1:
        return "true" if value else "false"
    bits = value % (1 << width)
    text = hex(bits) if bits >= 1 << (width - 1) else str(bits)
    return f"{text}{_SUFFIX[name]}" if name in _SUFFIX else f"uint{width}_t({text})"


def _real(value: float, *, single: bool) -> str:
    if math.isnan(value):
        return "__uint_as_float(0x7fc00000u)" if single else "__longlong_as_double(0x7ff8000000000000ll)"
    if math.isinf(value):
        bits = "__uint_as_float(0x7f800000u)" if single else "__longlong_as_double(0x7ff0000000000000ll)"
        return bits if value > 0 else f"-{bits}"
    return f"{np.float32(value)!s}f" if single else repr(float(value))
