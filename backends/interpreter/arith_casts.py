"""Casts of the arith dialect, with LLVM's rules for what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Element, element, scalar, signed_value, unsigned_value, wrap
from stepwell.backends.interpreter.registry import Kernel, kernel


def _items(op: ir.Operation) -> tuple[Element, Element]:
    return element(op.operands[0].type), element(op.results[0].type)


@kernel("arith.extsi", "arith.trunci", "arith.index_cast")
def _sign_extend(op: ir.Operation) -> Kernel:
    source, target = _items(op)
    return lambda a: wrap(signed_value(a, source), target)


@kernel("arith.extui", "arith.index_castui")
def _zero_extend(op: ir.Operation) -> Kernel:
    source, target = _items(op)
    return lambda a: wrap(unsigned_value(a, source), target)


@kernel("arith.extf", "arith.truncf", "arith.convertf", "arith.scaling_extf", "arith.scaling_truncf")
def _float_cast(op: ir.Operation) -> Kernel:
    dtype = element(op.results[0].type).dtype
    return lambda a: _converted(a, dtype)


def _converted(values: Any, dtype: np.dtype[Any]) -> Any:
    return scalar(np.asarray(values).astype(dtype))


@kernel("arith.sitofp", "arith.uitofp")
def _to_float(op: ir.Operation) -> Kernel:
    source, target = _items(op)
    read = signed_value if op.name == "arith.sitofp" else unsigned_value
    # float8 and bfloat16 round from float32 or float64, which must hold the integer first.
    via = np.float64 if target.low_precision else target.dtype

    def convert(a: Any) -> Any:
        return _converted(np.asarray(read(a, source)).astype(via), target.dtype)

    return convert


@kernel("arith.fptosi", "arith.fptoui")
def _to_integer(op: ir.Operation) -> Kernel:
    target = element(op.results[0].type)
    signed = op.name == "arith.fptosi"
    low = -(2.0 ** (target.width - 1)) if signed else 0.0
    high = 2.0 ** (target.width - 1) if signed else 2.0**target.width

    # What does not fit is poison in LLVM; the smallest integer is what x86 gives.
    misfit = np.int64(-(1 << (target.width - 1)))

    def convert(a: Any) -> Any:
        values = np.trunc(np.asarray(a).astype(np.float64))
        fits = (values >= low) & (values < high)
        safe = np.where(fits, values, 0.0)
        whole = safe.astype(np.int64) if signed else safe.astype(np.uint64).view(np.int64)
        return wrap(np.where(fits, whole, misfit), target)

    return convert


@kernel("arith.bitcast")
def _bitcast(op: ir.Operation) -> Kernel:
    dtype = element(op.results[0].type).dtype
    return lambda a: scalar(np.ascontiguousarray(a).reshape(np.shape(a)).view(dtype))
