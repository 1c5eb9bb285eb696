"""Functions of one number, as tables, and softmax."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric, stream
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, like
from stepwell.support.fixed_point import Format
from stepwell.support.fixed_rows import PRECISIONS, Softmax
from stepwell.support.tables import MAX_TABLE_BITS

_GUARD = 4
"""Bits by which the one number of a row is more precise than results."""


def table(function: str) -> Rule:
    """The rule of an operator that is ``function``."""

    def rule(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
        return _look_up(quantizer, op, function)

    return rule


def gelu(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Either form of it."""
    form = tb.defining(op.operands[1], "torch.constant.str")
    if form is None:
        return None
    approximation = ir.StringAttr(form.attributes["value"]).value
    return _look_up(quantizer, op, {"none": "gelu", "tanh": "gelu-tanh"}[approximation])


def softmax(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Along the last dimension; two bits more than values between layers have go in."""
    value, result = op.operands[0], op.results[0]
    info, axis = tb.tensor_info(value), tb.number(op.operands[1])
    if info is None or axis not in (-1, len(info.shape) - 1) or info.shape[-1] is None:
        return None
    if not quantizer.can_narrow(value) or result not in quantizer.ranges:
        return None
    kind = quantizer.own_format(result)
    precision = precision_for(kind)
    source = quantizer.own_format(value, quantizer.widths.bits + 2)
    while Softmax(info.shape[-1], source, precision).entry_bits > MAX_TABLE_BITS:
        source = Format(source.width - 1, source.frac - 1, source.signed)
    numbers = quantizer.in_format(value, source)
    return numeric.SoftmaxOp(numbers, stream.integer(precision), quantizer.words()[0], like(numbers, kind)).output


def precision_for(kind: Format) -> int:
    """How exact the one number of a row must be for results of ``kind``."""
    low, high = PRECISIONS
    return min(max(kind.frac + _GUARD, kind.width + _GUARD, low), high)


def _look_up(quantizer: Quantizer, op: ir.Operation, function: str) -> ir.Value | None:
    value, result = op.operands[0], op.results[0]
    if not quantizer.can_narrow(value) or result not in quantizer.ranges:
        return None
    source = quantizer.own_format(value, min(quantizer.widths.bits, MAX_TABLE_BITS))
    numbers = quantizer.in_format(value, source)
    words = ir.StringAttr.get(function), quantizer.words()[0]
    return numeric.TableOp(numbers, *words, like(numbers, quantizer.own_format(result))).output


RULES: dict[str, Rule] = {
    "torch.aten.gelu": gelu,
    "torch.aten.sigmoid": table("sigmoid"),
    "torch.aten.silu": table("silu"),
    "torch.aten.tanh": table("tanh"),
    "torch.aten.exp": table("exp"),
    "torch.aten._softmax": softmax,
    "torch.aten.softmax.int": softmax,
}
