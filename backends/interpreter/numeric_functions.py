"""Functions of the numeric dialect on numpy arrays of integers, exactly."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.dialects.numeric_function_rules import normalization
from stepwell.dialects.numeric_rules import format_of
from stepwell.support.fixed_point import fit, scale_round
from stepwell.support.fixed_rows import Normalization, Softmax
from stepwell.support.interpolation import evaluate
from stepwell.support.scaled_softmax import ScaledSoftmax, softmax_numbers


@kernel("numeric.table")
def _table(op: ir.Operation) -> Kernel:
    source, kind = format_of(op.operands[0], "operand"), format_of(op.results[0], "result")
    function, rounding = (str(ir.StringAttr(op.attributes[name]).value) for name in ("function", "rounding"))
    return lambda a: evaluate(a, function, source, kind, rounding)


@kernel("numeric.softmax")
def _softmax(op: ir.Operation) -> Kernel:
    length = ir.RankedTensorType(op.operands[0].type).shape[-1]
    precision = int(ir.IntegerAttr(op.attributes["precision"]).value)
    return _rounded(op, softmax_numbers(length, format_of(op.operands[0], "operand"), precision))


@kernel("numeric.normalize")
def _normalize(op: ir.Operation) -> Kernel:
    return _rounded(op, normalization(op, format_of(op.operands[0], "operand")))


def _rounded(op: ir.Operation, numbers: Softmax | ScaledSoftmax | Normalization) -> Kernel:
    kind, rounding = format_of(op.results[0], "result"), str(ir.StringAttr(op.attributes["rounding"]).value)
    shift = numbers.fraction - kind.frac
    return lambda a: fit(scale_round(numbers.products(a), 1, shift, rounding), kind, "saturate").astype(kind.dtype)
