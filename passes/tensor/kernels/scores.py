"""What an attention's softmax sees of the product of queries and keys: the causal mask, and whatever else is done."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.tensor.attention.cone import RESHAPES, Cone
from stepwell.passes.tensor.attention.keys import closed_after, end_where
from stepwell.passes.tensor.attention.labels import Kept, Labels
from stepwell.passes.tensor.attention.softmax import (
    Softmax,
    constant,
    difference_of,
    input_of,
    is_made_by,
    is_stable,
    source_of,
)
from stepwell.passes.tensor.kernels.followed import outside_of, taken_by
from stepwell.passes.tensor.structured import input_count, loops_of


@dataclass(frozen=True)
class Adjusted:
    """Scores that are more than the product: a value in the body of an elementwise operation.

    Attributes:
        op: the operation, which reads the product or what is made of it.
        value: of its body.
        labels: what each of its dimensions is: a place in the planes, of queries or of keys.
    """

    op: ir.Operation
    value: ir.Value
    labels: Labels


@dataclass(frozen=True)
class Scores:
    """What the softmax is taken of.

    Attributes:
        diagonal: query i sees keys up to i plus this only; None where it may see all.
        adjusted: what is done to the product beside; None where nothing is.
        beside: operations that reshape what is read there, or compute it from positions alone.
    """

    diagonal: int | None
    adjusted: Adjusted | None
    beside: tuple[ir.Operation, ...]


def scores_of(cone: Cone, softmax: Softmax) -> Scores | None:
    """What ``softmax`` is taken of; None where it is not the stable one, or scores depend on others of their row."""
    op = softmax.exponentials.owner.operation
    difference = difference_of(op)
    if difference is None or not is_stable(cone, softmax):
        return None
    diagonal, value = closed_after(cone, softmax), difference.operands[0]
    while True:
        if diagonal is not None:
            value = _opened(cone, op, value, diagonal)
        inner = _maker(cone, op, value)
        if inner is not None and inner in cone.scores:
            return Scores(diagonal, None, _beside(cone))
        if inner is None or not _is_elementwise(inner):
            break
        op, value = inner, _yielded(inner)
    labels = cone.dims(op)
    if not _is_told(cone, op, value) or any(label is None or isinstance(label, Kept) for label in labels):
        return None
    return Scores(diagonal, Adjusted(op, value, labels), _beside(cone))


def read_by(adjusted: Adjusted, product: ir.Operation) -> list[ir.Value]:
    """What adjusting a score reads beside the product: arguments of the block, in order."""
    found: set[ir.Value] = set()
    seen: set[ir.Operation] = {product}
    rest = _taken(adjusted.op, adjusted.value)
    while rest:
        value = rest.pop()
        if isinstance(value, ir.BlockArgument):
            found.add(value)
        elif value.owner.operation not in seen:
            seen.add(value.owner.operation)
            rest += outside_of(value.owner.operation)
    return [value for value in adjusted.op.block.arguments if value in found]


def _opened(cone: Cone, op: ir.Operation, value: ir.Value, diagonal: int) -> ir.Value:
    """``value`` without the -inf that it is where a key is more than ``diagonal`` behind the query."""
    while is_made_by(value, "arith.select"):
        condition, kept, closed = value.owner.operation.operands
        if not is_made_by(condition, "arith.cmpi") or constant(closed) != -math.inf:
            break
        end = end_where(cone, op, condition)
        if end is None or end < diagonal:
            break
        value = kept
    return value


def _maker(cone: Cone, op: ir.Operation, value: ir.Value) -> ir.Operation | None:
    """The operation of the cone whose result's element ``value`` is in the body of ``op``."""
    position = input_of(op, value)
    if position is None or not cone.holds(op.operands[position]):
        return None
    made = source_of(op.operands[position])
    return made.owner.operation if cone.holds(made) else None


def _is_told(cone: Cone, op: ir.Operation, value: ir.Value) -> bool:
    """Whether ``value``, in the body of ``op``, follows from the score of its own query and key alone."""
    for taken in _taken(op, value):
        if not cone.holds(taken):
            continue
        source = source_of(taken)
        inner = source.owner.operation
        if not cone.holds(source) or inner in cone.scores:
            continue
        if not _is_elementwise(inner) or not _is_told(cone, inner, _yielded(inner)):
            return False
    return True


def _taken(op: ir.Operation, value: ir.Value) -> list[ir.Value]:
    """What is there outside of the body of ``op`` that ``value`` in it follows from."""
    body = op.regions[0].blocks[0]
    return [
        op.operands[taken.arg_number] if isinstance(taken, ir.BlockArgument) and taken.owner == body else taken
        for taken in taken_by(op, value)
    ]


def _beside(cone: Cone) -> tuple[ir.Operation, ...]:
    """Reshapes of what comes into the cone, and operations that compute numbers of keys and queries."""
    found: dict[ir.Operation, None] = {}
    rest = [value for op in cone.members for value in op.operands]
    while rest:
        value = rest.pop()
        if cone.holds(value) or not isinstance(value, ir.OpResult):
            continue
        op = value.owner.operation
        if op.name in RESHAPES:
            found[op] = None
            rest.append(op.operands[0])
        elif _computes_numbers(op):
            found[op] = None
    return tuple(found)


def _computes_numbers(op: ir.Operation) -> bool:
    return op.name == "linalg.generic" and input_count(op) == 0 and len(op.results) == 1 and _is_elementwise(op)


def _is_elementwise(op: ir.Operation) -> bool:
    return op.name == "linalg.generic" and all(loop.parallel for loop in loops_of(op))


def _yielded(op: ir.Operation) -> ir.Value:
    return list(op.regions[0].blocks[0].operations)[-1].operation.operands[0]
