"""What operations of ``numeric`` that move numbers must satisfy."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects.numeric_rules import format_of, tensor_of
from stepwell.dialects.rules import Violation


def reshape(op: ir.Operation) -> None:
    """The same elements in the same order; at most one size of the result is dynamic."""
    before, after = _same_format(op)
    if sum(size < 0 for size in after) > 1:
        raise Violation("has a result with more than one dynamic size")
    counts = [math.prod(shape) for shape in (before, after)]
    if min(*before, *after, 0) >= 0 and counts[0] != counts[1]:
        raise Violation(f"makes {counts[1]} elements of {counts[0]}")


def transpose(op: ir.Operation) -> None:
    """Dimensions in another order."""
    before, after = _same_format(op)
    order = [ir.IntegerAttr(dim).value for dim in ir.ArrayAttr(op.attributes["permutation"])]
    if sorted(order) != list(range(len(before))):
        raise Violation(f"has permutation {order}; it lists each of the operand's {len(before)} dimensions once")
    if after != [before[dim] for dim in order]:
        raise Violation("gives a tensor that has not the sizes of its operand in that order")


def _same_format(op: ir.Operation) -> tuple[list[int], list[int]]:
    """The shapes before and after."""
    sides = [(op.operands[0], "operand"), (op.results[0], "result")]
    before, after = (format_of(value, role) for value, role in sides)
    if before != after:
        raise Violation(f"makes {after} of {before}: it changes no number")
    first, second = (list(tensor_of(value, role).shape) for value, role in sides)
    return first, second
