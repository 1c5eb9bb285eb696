"""How the integers of a weight are made from a parameter of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.dialects.numeric_scale_rules import read_ends
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.hardware.fixed_values import format_of, word
from stepwell.support import scales
from stepwell.support.fixed_point import Format, quantize

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class WeightNumbers:
    """What a weight is made from.

    Attributes:
        root: at the graph level, a tensor of the model's own numbers.
        text: what is done to it, in a word for names.
        compute: from the root's values to integers.
        moves: whether that changes the shape or the order of elements.
    """

    root: ir.Value
    text: str
    compute: Callable[[Array], Array]
    moves: bool


def weight_numbers(value: ir.Value) -> WeightNumbers | None:
    """How ``value`` is made by operations of ``numeric`` on one tensor of the graph level; None for any other value."""
    op = definition(value)
    step = _STEPS.get(op.name) if op is not None else None
    if op is None or step is None:
        return None
    text, compute = step(op)
    moves = op.name in _MOVES
    operand = op.operands[0]
    before = weight_numbers(operand)
    if before is not None:
        inner = before.compute
        text = f"{before.text},{text}"
        return WeightNumbers(before.root, text, lambda values: compute(inner(values)), moves or before.moves)
    made = definition(operand)
    root = made.operands[0] if made is not None and _enters(made) else operand
    return WeightNumbers(root, text, compute, moves)


def _enters(op: ir.Operation) -> bool:
    return bool(op.name == "torch_c.to_builtin_tensor")


_Step = tuple[str, Callable[[Array], Array]]


def _quantize(op: ir.Operation) -> _Step:
    kind, rounding, overflow = format_of(op.results[0]), word(op, "rounding"), word(op, "overflow")
    text = f"{_text(kind)},{rounding},{overflow}"
    return text, lambda values: quantize(values, kind, rounding, overflow).astype(kind.dtype)


def _quantize_scaled(op: ir.Operation) -> _Step:
    step = float(ir.FloatAttr(op.attributes["scale"]).value)
    scale = scales.Scale(step, word(op, "way"), read_ends(op))
    dtype = format_of(op.results[0]).dtype
    return f"{step!r},{scale.way},{scale.ends[0]},{scale.ends[1]}", lambda a: scales.quantize(a, scale).astype(dtype)


def _reinterpret(op: ir.Operation) -> _Step:
    kind = format_of(op.results[0])
    return f"i{kind.width}", lambda values: values.astype(kind.dtype)


def _clamp(op: ir.Operation) -> _Step:
    ends, dtype = read_ends(op), format_of(op.results[0]).dtype
    return f"{ends[0]},{ends[1]}", lambda values: scales.clamp(values, ends).astype(dtype)


def _sign(op: ir.Operation) -> _Step:
    dtype = format_of(op.results[0]).dtype
    return "sign", lambda values: scales.sign(values).astype(dtype)


def _transpose(op: ir.Operation) -> _Step:
    order = [int(ir.IntegerAttr(dim).value) for dim in ir.ArrayAttr(op.attributes["permutation"])]
    return f"order{order}", lambda values: np.ascontiguousarray(values.transpose(order))


def _reshape(op: ir.Operation) -> _Step:
    shape = list(ir.RankedTensorType(op.results[0].type).shape)
    return f"shape{shape}", lambda values: values.reshape(shape)


def _text(kind: Format) -> str:
    return f"fixed<{kind.width},{kind.frac},{'signed' if kind.signed else 'unsigned'}>"


_STEPS: dict[str, Callable[[ir.Operation], _Step]] = {
    "numeric.quantize": _quantize,
    "numeric.quantize_scaled": _quantize_scaled,
    "numeric.reinterpret": _reinterpret,
    "numeric.clamp": _clamp,
    "numeric.sign": _sign,
    "numeric.transpose": _transpose,
    "numeric.reshape": _reshape,
}

_MOVES = frozenset({"numeric.transpose", "numeric.reshape"})
