"""Functions of one number, as tables, and softmax."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric, stream
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, fixed_format, like
from stepwell.support.fixed_point import Format
from stepwell.support.fixed_rows import PRECISIONS
from stepwell.support.interpolation import MAX_BITS, lines
from stepwell.support.scaled_softmax import softmax_numbers
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


def elu(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Of any numbers: ``selu`` is one of them."""
    numbers = [tb.number(operand) for operand in op.operands[1:]]
    known = [float(number) for number in numbers if number is not None]
    return _look_up(quantizer, op, f"elu:{','.join(map(str, known))}") if known == numbers else None


def leaky_relu(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """With any slope."""
    slope = tb.number(op.operands[1])
    return _look_up(quantizer, op, f"leaky-relu:{float(slope)}") if slope is not None else None


def softplus(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Of the number as it is; beyond the threshold of 20 both forms are the same to all bits that there are."""
    beta, threshold = (tb.number(operand) for operand in op.operands[1:])
    return _look_up(quantizer, op, "softplus") if beta == 1 and threshold == 20 else None


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
    while softmax_numbers(info.shape[-1], source, precision).entry_bits > MAX_TABLE_BITS:
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
    kind = quantizer.own_format(result)
    given = fixed_format(quantizer.handed_on(value))
    widths = (min(quantizer.widths.bits, MAX_BITS), MAX_TABLE_BITS)
    sources = [quantizer.own_format(value, min(width, quantizer.widths.bits)) for width in widths]
    fine = given if given.width <= sources[0].width else sources[0]
    # Lines between entries are taken where they are close to the function; else its input has fewer bits.
    close = fine.width <= MAX_TABLE_BITS or lines(function, fine, kind).is_close
    numbers = quantizer.in_format(value, sources[0] if close else sources[1])
    words = ir.StringAttr.get(function), quantizer.words()[0]
    return numeric.TableOp(numbers, *words, like(numbers, kind)).output


RULES: dict[str, Rule] = {
    "torch.aten.gelu": gelu,
    "torch.aten.sigmoid": table("sigmoid"),
    "torch.aten.silu": table("silu"),
    "torch.aten.tanh": table("tanh"),
    "torch.aten.exp": table("exp"),
    "torch.aten.erf": table("erf"),
    "torch.aten.hardsigmoid": table("hardsigmoid"),
    "torch.aten.hardswish": table("hardswish"),
    "torch.aten.mish": table("mish"),
    "torch.aten.elu": elu,
    "torch.aten.leaky_relu": leaky_relu,
    "torch.aten.softplus": softplus,
    "torch.aten._softmax": softmax,
    "torch.aten.softmax.int": softmax,
}
