"""Normalisation of rows, which arrives as the operations that compute it: the last of them becomes fixed point."""

from __future__ import annotations

from typing import NamedTuple

from torch_mlir import ir

from stepwell.dialects import numeric, stream
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.quantization.functions import precision_for
from stepwell.passes.graph.quantization.quantizer import Quantizer, like
from stepwell.passes.graph.torch_values import definition


class Norm(NamedTuple):
    """What is normalised, what is added to the statistic, and which it is, as ``numeric.normalize`` says."""

    rows: ir.Value
    epsilon: float
    by: str


def normalize(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """A product that is the end of a normalisation; two bits more than values between layers have go in."""
    norm = match_norm(op)
    if norm is None or not quantizer.can_narrow(norm.rows) or op.results[0] not in quantizer.ranges:
        return None
    kind = quantizer.own_format(op.results[0])
    # The statistic and the distances read the rows.
    rows = quantizer.in_format(norm.rows, quantizer.own_format(norm.rows, quantizer.widths.bits + 2), readers=2)
    return numeric.NormalizeOp(
        rows,
        ir.StringAttr.get(norm.by),
        ir.FloatAttr.get_f64(norm.epsilon),
        stream.integer(precision_for(kind)),
        quantizer.words()[0],
        like(rows, kind),
    ).output


def match_norm(op: ir.Operation) -> Norm | None:
    """``op`` as ``d * rsqrt(statistic + epsilon)``: ``d`` from the mean and a variance, or rows and a mean square."""
    for distance, root in (op.operands[:2], reversed(op.operands[:2])):
        square_root = tb.defining(root, "torch.aten.rsqrt")
        if square_root is None:
            continue
        statistic, epsilon = _without_epsilon(square_root.operands[0])
        rows = _rows_of_variance(distance, statistic)
        if rows is not None:
            return Norm(rows, epsilon, "variance")
        if _is_mean_square(statistic, distance):
            return Norm(distance, epsilon, "mean-square")
    return None


def _without_epsilon(value: ir.Value) -> tuple[ir.Value, float]:
    """A statistic and what ``value`` adds to it."""
    total = tb.defining(value, "torch.aten.add.Scalar")
    if total is None or tb.number(total.operands[2]) != 1:
        return value, 0.0
    epsilon = tb.number(total.operands[1])
    return (value, 0.0) if epsilon is None else (total.operands[0], float(epsilon))


def _rows_of_variance(distance: ir.Value, variance: ir.Value) -> ir.Value | None:
    """What ``distance`` is from its mean, where ``variance`` is its variance along the last dimension."""
    moments, difference = definition(variance), tb.defining(distance, "torch.aten.sub.Tensor")
    if moments is None or difference is None or moments.name != "torch.aten.var_mean.correction":
        return None
    rows, dims, correction, _ = moments.operands
    same = difference.operands[0] == rows and difference.operands[1] == moments.results[1]
    if variance != moments.results[0] or not same or tb.number(difference.operands[2]) != 1:
        return None
    return rows if tb.number(correction) == 0 and _is_last(rows, dims) else None


def _is_mean_square(statistic: ir.Value, rows: ir.Value) -> bool:
    """Whether ``statistic`` is the mean of the squares of ``rows`` along the last dimension."""
    quotient = tb.defining(statistic, "torch.aten.div.Scalar")
    total = tb.defining(quotient.operands[0], "torch.aten.sum.dim_IntList") if quotient else None
    squares = tb.defining(total.operands[0], "torch.aten.mul.Tensor") if total else None
    info = tb.tensor_info(rows)
    if quotient is None or total is None or squares is None or info is None:
        return False
    of_rows = squares.operands[0] == rows and squares.operands[1] == rows
    return of_rows and tb.number(quotient.operands[1]) == info.shape[-1] and _is_last(rows, total.operands[1])


def _is_last(rows: ir.Value, dims: ir.Value) -> bool:
    """Whether the list ``dims`` is the last dimension."""
    info = tb.tensor_info(rows)
    return info is not None and bool(info.shape) and tb.numbers(dims) in ([-1], [len(info.shape) - 1])
