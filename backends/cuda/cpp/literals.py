"""Constants in C++."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.cpp.types import Types, element, lanes
from stepwell.backends.interpreter.constants import constant_value

_SUFFIX = {"i32": "u", "i64": "ull", "index": "ull"}
_WIDTH = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "index": 64}
_ROUND = {"f16": "__float2half_rn", "bf16": "__float2bfloat16_rn"}


def constant(op: ir.Operation, types: Types) -> str:
    """What an operation like ``arith.constant`` gives."""
    kind = op.results[0].type
    numbers = elements(constant_value(op, "value", kind), element(kind))
    if not isinstance(kind, ir.VectorType):
        return numbers[0]
    if len(set(numbers)) == 1:
        return f"splat<{types.name(element(kind))}, {lanes(kind)}>({numbers[0]})"
    return f"{types.name(kind)}{{{', '.join(numbers)}}}"


def elements(values: Any, kind: ir.Type) -> list[str]:
    """Numbers of a type, one after the other."""
    name, flat = str(kind), np.asarray(values).reshape(-1)
    if name in _WIDTH:
        return [integer(int(value), name) for value in flat.tolist()]
    if name in ("f8E4M3FN", "f8E5M2"):
        return [f"__nv_fp8_storage_t({byte:#04x})" for byte in np.ascontiguousarray(flat).view(np.uint8).tolist()]
    reals = flat.astype(np.float64).tolist()
    if name in _ROUND:
        return [f"{_ROUND[name]}({_real(value, single=True)})" for value in reals]
    return [_real(value, single=name == "f32") for value in reals]


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
