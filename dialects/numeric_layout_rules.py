"""What operations of ``numeric`` that move numbers must satisfy."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects.numeric_rules import format_of, tensor_of
from stepwell.dialects.rules import Violation, check_number


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


def take(op: ir.Operation) -> None:
    """A part that is there, of known size."""
    before, after = _same_format(op)
    axis, start, stop = (ir.IntegerAttr(op.attributes[name]).value for name in ("axis", "start", "stop"))
    if not 0 <= axis < len(before):
        raise Violation(f"has axis {axis}; its operand has {len(before)} dimensions")
    if not 0 <= start < stop <= before[axis]:
        raise Violation(f"takes {start} up to {stop} of {before[axis]}")
    check_step(op)
    if after != [*before[:axis], len(read_part(op)), *before[axis + 1 :]]:
        raise Violation("gives a tensor that has not the sizes of that part")


def read_part(op: ir.Operation) -> range:
    """Which numbers along its ``axis`` a slice takes."""
    names = ("start", "stop", "step") if "step" in op.attributes else ("start", "stop")
    numbers = [int(ir.IntegerAttr(op.attributes[name]).value) for name in names]
    return range(*numbers)


def check_step(op: ir.Operation) -> None:
    """How far apart the numbers are, if a slice says so."""
    if "step" in op.attributes:
        check_number(op, "step", 1)


def concat(op: ir.Operation) -> None:
    """One format, and sizes alike but for the dimension."""
    sides = [(op.operands[0], "left operand"), (op.operands[1], "right operand"), (op.results[0], "result")]
    if len({format_of(value, role) for value, role in sides}) > 1:
        raise Violation("joins tensors of different formats: it changes no number")
    left, right, after = (list(tensor_of(value, role).shape) for value, role in sides)
    axis = ir.IntegerAttr(op.attributes["axis"]).value
    if not 0 <= axis < len(left):
        raise Violation(f"has axis {axis}; its operands have {len(left)} dimensions")
    if left[:axis] + left[axis + 1 :] != right[:axis] + right[axis + 1 :]:
        raise Violation(f"joins {left} and {right}, which differ in more than dimension {axis}")
    if after != [*left[:axis], left[axis] + right[axis], *left[axis + 1 :]]:
        raise Violation("gives a tensor that has not the sizes of both behind each other")


def _same_format(op: ir.Operation) -> tuple[list[int], list[int]]:
    """The shapes before and after."""
    sides = [(op.operands[0], "operand"), (op.results[0], "result")]
    before, after = (format_of(value, role) for value, role in sides)
    if before != after:
        raise Violation(f"makes {after} of {before}: it changes no number")
    first, second = (list(tensor_of(value, role).shape) for value, role in sides)
    return first, second
