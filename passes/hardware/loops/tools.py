"""What passes on affine nests share: chains of loops, accesses, and which loops an access follows."""

from __future__ import annotations

from collections.abc import Iterable

from torch_mlir import ir

from stepwell.passes.hardware.loops.affine_index import NotAffineError, affine_of, trip
from stepwell.support.loops.affine import Affine
from stepwell.support.walk import inside

LOOP, LOAD, STORE = "affine.for", "affine.load", "affine.store"
ASSOCIATIVE = (
    "arith.addi", "arith.maxsi", "arith.minsi", "arith.maxui", "arith.minui", "arith.andi", "arith.ori", "arith.xori",
)  # fmt: skip
"""Operations whose operands may come in any order and grouping."""


def body_of(loop: ir.Operation) -> list[ir.Operation]:
    """The operations of a loop without its terminator."""
    return [view.operation for view in loop.regions[0].blocks[0].operations][:-1]


def terminator_of(loop: ir.Operation) -> ir.Operation:
    """What ends the body of a loop."""
    return list(loop.regions[0].blocks[0].operations)[-1].operation


def is_inside(op: ir.Operation, loop: ir.Operation) -> bool:
    """Whether ``op`` is in the body of ``loop``, however deep."""
    parent = op.parent
    while parent is not None:
        if parent.operation == loop:
            return True
        parent = parent.operation.parent
    return False


def induction(loop: ir.Operation) -> ir.Value:
    """The variable of a loop."""
    return loop.regions[0].blocks[0].arguments[0]


def chain(loop: ir.Operation) -> list[ir.Operation]:
    """``loop`` and the only loop in it, the only one in that, and so on."""
    found = [loop]
    while len(inner := [op for op in body_of(found[-1]) if op.name == LOOP]) == 1:
        found.append(inner[0])
    return found


def top_loops(function: ir.Operation) -> list[ir.Operation]:
    """The outermost loops of a function in order."""
    return [op.operation for op in function.regions[0].blocks[0].operations if op.operation.name == LOOP]


def accesses(op: ir.Operation) -> list[ir.Operation]:
    """Loads and stores in ``op``, or itself."""
    return [inner for inner in [op, *inside(op)] if inner.name in (LOAD, STORE)]


def memory_of(access: ir.Operation) -> ir.Value:
    """What a load or store accesses."""
    return access.operands[0 if access.name == LOAD else 1]


Term = tuple[frozenset[tuple[ir.Value, int]], int]
"""An index: values with their coefficients, and a constant."""


def place_of(access: ir.Operation) -> tuple[Term, ...] | None:
    """Where: equal for equal places, however they are written; None where an index is not affine."""
    operands = operands_of(access)
    units = [Affine(tuple(int(n == m) for m in range(len(operands)))) for n in range(len(operands))]
    try:
        indices = [affine_of(result, units) for result in ir.AffineMapAttr(access.attributes["map"]).value.results]
    except NotAffineError:
        return None
    return tuple(_term(index, operands) for index in indices)


def apart(one: ir.Operation, other: ir.Operation) -> bool:
    """Whether two accesses to a memory never meet: indices of the same values whose constants differ."""
    pairs = zip(place_of(one) or (), place_of(other) or (), strict=False)
    return any(left[0] == right[0] and left[1] != right[1] for left, right in pairs)


def operands_of(access: ir.Operation) -> tuple[ir.Value, ...]:
    """What the map of a load or store is applied to."""
    return tuple(list(access.operands)[1 if access.name == LOAD else 2 :])


def _term(index: Affine, operands: tuple[ir.Value, ...]) -> Term:
    coefficients: dict[ir.Value, int] = {}
    for value, c in zip(operands, index.coefficients, strict=False):
        coefficients[value] = coefficients.get(value, 0) + c
    return frozenset((value, c) for value, c in coefficients.items() if c), index.constant


def axes_of(access: ir.Operation, variable: ir.Value) -> tuple[int, bool]:
    """In how many dimensions ``variable`` is part of an index, and whether it stands alone there."""
    operands = operands_of(access)
    positions = {n for n, operand in enumerate(operands) if operand == variable}
    dimensions, alone = 0, True
    for result in ir.AffineMapAttr(access.attributes["map"]).value.results:
        used = _dimensions(result)
        if used & positions:
            dimensions += 1
            alone = alone and isinstance(result, ir.AffineDimExpr)
    return dimensions, alone


def written_in(ops: Iterable[ir.Operation]) -> set[ir.Value]:
    """Memories that ``ops`` store to."""
    return {memory_of(access) for op in ops for access in accesses(op) if access.name == STORE}


def same_trips(left: ir.Operation, right: ir.Operation) -> bool:
    """Whether two loops run through the same values."""
    return trip(left) is not None and trip(left) == trip(right)


def _dimensions(expression: ir.AffineExpr) -> set[int]:
    if isinstance(expression, ir.AffineDimExpr):
        return {expression.position}
    if isinstance(expression, ir.AffineBinaryExpr):
        return _dimensions(expression.lhs) | _dimensions(expression.rhs)
    return set()
