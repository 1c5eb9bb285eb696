"""The quotient of a softmax behind the product with the values, where it is one division for each element of a row."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.tensor.attention.cone import (
    RESHAPES,
    Cone,
    dim_labels,
    fill_of,
    maps_of,
    operand_labels,
    source_labels,
)
from stepwell.passes.tensor.attention.labels import Labels, UnnamedError, Zero
from stepwell.passes.tensor.structured import input_count, loops_of


@dataclass(frozen=True)
class Softmax:
    """Weights that are exponentials over their sum.

    Attributes:
        exponentials, total: the two values.
        largest: position of what is subtracted before the exponential, None where nothing is.
        closed: whether rows that are -inf throughout shall give 0; they give NaN otherwise.
    """

    exponentials: ir.Value
    total: ir.Value
    largest: int | None
    closed: bool


def match_softmax(cone: Cone, *, rounded: bool = False) -> Softmax | None:
    """The softmax that makes the weights of ``cone``, None where they are something else.

    Its quotient is to be taken behind the product, which starts from zero then.

    Args:
        rounded: whether weights may have been rounded to the product's type behind the quotient.
    """
    start = fill_of(cone.final.operands[2])
    if start is None or constant(start) != 0.0:
        return None
    weights = source_of(cone.final.operands[cone.weights])
    op = weights.owner.operation
    if op.name != "linalg.generic" or not all(loop.parallel for loop in loops_of(op)):
        return None
    block = op.regions[0].blocks[0]
    result = list(block.operations)[-1].operation.operands[0]
    if rounded and is_made_by(result, "arith.truncf"):
        result = result.owner.operation.operands[0]
    closed = None
    if is_made_by(result, "arith.select"):
        closed, zero, result = result.owner.operation.operands
        if constant(zero) != 0.0:
            return None
    if not is_made_by(result, "arith.divf"):
        return None
    inputs = [input_of(op, operand) for operand in result.owner.operation.operands]
    if None in inputs:
        return None
    exponentials, total = (op.operands[n] for n in inputs if n is not None)
    if not cone.holds(exponentials) or not cone.holds(total) or _is_whole(cone, op, inputs[1]):
        return None
    if cone.labels[exponentials] != cone.labels[op.results[0]]:
        return None
    shifted = _shift(cone, exponentials)
    if closed is None:
        return Softmax(exponentials, total, shifted, closed=False)
    position = input_of(op, closed)
    if position is None or shifted is None:
        return None
    largest = exponentials.owner.operation.operands[shifted]
    if not _all_closed(cone, op.operands[position], source_of(largest)):
        return None
    return Softmax(exponentials, total, shifted, closed=True)


def is_stable(cone: Cone, softmax: Softmax) -> bool:
    """Whether exponentials are those of numbers less the largest of them, and the total is their sum."""
    op, total = softmax.exponentials.owner.operation, source_of(softmax.total).owner.operation
    term = reduced(total, "arith.addf") if total.name == "linalg.generic" else None
    summed = input_of(total, term) if term is not None else None
    if softmax.largest is None or summed is None or source_of(total.operands[summed]) != softmax.exponentials:
        return False
    maximum = source_of(op.operands[softmax.largest]).owner.operation
    most = reduced(maximum, "arith.maximumf") if maximum.name == "linalg.generic" else None
    difference = difference_of(op)
    return most is not None and difference is not None and same(cone, op, difference.operands[0], maximum, most)


def unless(value: ir.Value, unwanted: float, instead: float) -> ir.Value:
    """``value``, or ``instead`` where it equals ``unwanted``."""
    bad, good = (arith.constant(value.type, number) for number in (unwanted, instead))
    return arith.select(arith.cmpf(arith.CmpFPredicate.OEQ, value, bad), good, value)


def constant(value: ir.Value) -> float | None:
    """The number that ``value`` is, None where it is no float constant."""
    if not is_made_by(value, "arith.constant") or not isinstance(value.type, ir.FloatType):
        return None
    return float(ir.FloatAttr(value.owner.operation.attributes["value"]).value)


def is_made_by(value: ir.Value, name: str) -> bool:
    """Whether ``value`` is the result of an operation called ``name``."""
    return isinstance(value, ir.OpResult) and value.owner.operation.name == name


def source_of(value: ir.Value) -> ir.Value:
    """What ``value`` is a reshaped form of."""
    while isinstance(value, ir.OpResult) and value.owner.operation.name in RESHAPES:
        value = value.owner.operation.operands[0]
    return value


def input_of(op: ir.Operation, argument: ir.Value) -> int | None:
    """The position of the input that ``argument`` is an element of, None where it is something else."""
    arguments = list(op.regions[0].blocks[0].arguments)[: input_count(op)]
    return arguments.index(argument) if argument in arguments else None


def _is_whole(cone: Cone, op: ir.Operation, position: int | None) -> bool:
    """Whether an input varies along a row."""
    assert position is not None
    dims = dim_labels(op, cone.labels[op.results[0]])
    return None in operand_labels(op.operands[position], maps_of(op)[position], dims)


def difference_of(op: ir.Operation) -> ir.Operation | None:
    """The subtraction whose exponential ``op`` yields, or 0 where that is too small to matter."""
    result = list(op.regions[0].blocks[0].operations)[-1].operation.operands[0]
    small = None
    if is_made_by(result, "arith.select"):
        small, zero, result = result.owner.operation.operands
        if constant(zero) != 0.0 or not is_made_by(small, "arith.cmpf"):
            return None
    if not is_made_by(result, "math.exp") or not is_made_by(result.owner.operation.operands[0], "arith.subf"):
        return None
    difference = result.owner.operation.operands[0]
    if small is not None and (
        small.owner.operation.operands[0] != difference
        or ir.IntegerAttr(small.owner.operation.attributes["predicate"]).value != int(arith.CmpFPredicate.OLT)
    ):
        return None
    return difference.owner.operation


def _shift(cone: Cone, exponentials: ir.Value) -> int | None:
    """Which input of the operation behind ``exponentials`` is the row's maximum, subtracted before the exponential."""
    op = exponentials.owner.operation
    if op.name != "linalg.generic":
        return None
    difference = difference_of(op)
    if difference is None:
        return None
    position = input_of(op, difference.operands[1])
    if position is None or not cone.holds(op.operands[position]) or _is_whole(cone, op, position):
        return None
    return position


def _all_closed(cone: Cone, closed: ir.Value, largest: ir.Value) -> bool:
    """Whether ``closed`` says that all numbers are -inf whose maximum is ``largest``."""
    every, maximum = source_of(closed).owner.operation, largest.owner.operation
    if every.name != "linalg.generic" or maximum.name != "linalg.generic":
        return False
    compared = reduced(every, "arith.andi")
    most = reduced(maximum, "arith.maximumf")
    if compared is None or most is None or not is_made_by(compared, "arith.cmpf"):
        return False
    comparison = compared.owner.operation
    if ir.IntegerAttr(comparison.attributes["predicate"]).value != int(arith.CmpFPredicate.OEQ):
        return False
    value, bound = comparison.operands
    if constant(bound) != -math.inf:
        return False
    if is_made_by(value, "arith.extf"):
        value = value.owner.operation.operands[0]
    return same(cone, every, value, maximum, most)


def reduced(op: ir.Operation, name: str) -> ir.Value | None:
    """The term that ``op`` reduces by the operation ``name``."""
    block = op.regions[0].blocks[0]
    result = list(block.operations)[-1].operation.operands[0]
    if not is_made_by(result, name):
        return None
    accumulator = block.arguments[input_count(op)]
    operands = list(result.owner.operation.operands)
    if accumulator not in operands:
        return None
    return operands[1 - operands.index(accumulator)]


def same(cone: Cone, one: ir.Operation, value: ir.Value, other: ir.Operation, also: ir.Value) -> bool:
    """Whether a value in the body of ``one`` is the same function of the same elements as one in that of ``other``."""
    return _Same(cone, one, other).same(value, also)


class _Same:
    """Compares what the bodies of two operations of the cone compute."""

    def __init__(self, cone: Cone, one: ir.Operation, other: ir.Operation) -> None:
        self.cone = cone
        self.ops = (one, other)

    def same(self, one: ir.Value, other: ir.Value) -> bool:
        """Whether two values of the bodies are the same function of the same elements."""
        inputs = [input_of(op, value) for op, value in zip(self.ops, (one, other), strict=True)]
        if None not in inputs:
            return self._element(0, inputs[0]) == self._element(1, inputs[1])
        if not isinstance(one, ir.OpResult) or not isinstance(other, ir.OpResult):
            return False
        made, also = one.owner.operation, other.owner.operation
        if made == also:
            return True
        if made.name != also.name or made.name == "linalg.index" or dict(_attributes(made)) != dict(_attributes(also)):
            return False
        return all(self.same(a, b) for a, b in zip(made.operands, also.operands, strict=True))

    def _element(self, which: int, position: int | None) -> tuple[ir.Value, Labels]:
        assert position is not None
        op = self.ops[which]
        dims = dim_labels(op, self.cone.labels[op.results[0]])
        value = op.operands[position]
        labels = operand_labels(value, maps_of(op)[position], dims)
        while isinstance(value, ir.OpResult) and value.owner.operation.name in RESHAPES:
            try:
                labels = source_labels(value.owner.operation, labels)
            except UnnamedError:
                break
            value = value.owner.operation.operands[0]
        return source_of(value), tuple(label for label in labels if not isinstance(label, Zero))


def _attributes(op: ir.Operation) -> list[tuple[str, ir.Attribute]]:
    return [(name, op.attributes[name]) for name in op.attributes]
