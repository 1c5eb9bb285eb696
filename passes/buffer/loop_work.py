"""How much work a piece of loop code is, as far as its text tells.

The unit is one scalar operation or one access of at most 8 bytes, about a quarter of a nanosecond on a current core.
Sizes that are only known at run time stay in the answer as values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.buffer.types import element_bytes

#: A number, or an index value at run time.
Amount: TypeAlias = "int | ir.Value"

_VECTOR_BYTES = 32
_UNKNOWN_TRIPS = 16
_LOOPS = frozenset({"scf.for", "scf.parallel"})
_SLOW = {
    **dict.fromkeys(("arith.divf", "math.sqrt", "math.rsqrt", "arith.divsi", "arith.divui"), 4),
    **dict.fromkeys(("arith.remf", "arith.remsi", "arith.remui"), 8),
}
_CHEAP_MATH = frozenset(
    {"math.absf", "math.absi", "math.fma", "math.copysign", "math.floor", "math.ceil", "math.trunc", "math.roundeven"}
)
_TRANSCENDENTAL = 16
_FREE = frozenset({"arith.constant", "arith.index_cast", "affine.apply", "vector.broadcast", "memref.dim"})
#: Those whose result has the type of every vector that they work on.
_TOLD_BY_RESULT = frozenset(
    {
        "vector.fma",
        "vector.load",
        "memref.load",
        *(f"arith.{kind}" for kind in ("addf", "subf", "mulf", "divf", "addi")),
    }
)
_FREE_ENDS = (".yield", ".reduce", ".condition", ".subview", ".view", ".cast", "_shape", "_cast")


class Amounts:
    """Arithmetic on amounts at an insertion point; numbers are folded."""

    def add(self, one: Amount, other: Amount) -> Amount:
        """The sum."""
        if isinstance(one, int) and isinstance(other, int):
            return one + other
        if one == 0 or other == 0:
            return other if one == 0 else one
        return arith.addi(self.value(one), self.value(other))

    def times(self, one: Amount, other: Amount) -> Amount:
        """The product."""
        if isinstance(one, int) and isinstance(other, int):
            return one * other
        if one == 1 or other == 1:
            return other if one == 1 else one
        return arith.muli(self.value(one), self.value(other))

    def over(self, one: Amount, other: Amount) -> Amount:
        """The quotient of positive amounts, rounded down."""
        if isinstance(one, int) and isinstance(other, int):
            return one // other
        return one if other == 1 else arith.divui(self.value(one), self.value(other))

    def least(self, one: Amount, other: Amount) -> Amount:
        """The smaller one."""
        if isinstance(one, int) and isinstance(other, int):
            return min(one, other)
        return arith.minui(self.value(one), self.value(other))

    def most(self, one: Amount, other: Amount) -> Amount:
        """The larger one."""
        if isinstance(one, int) and isinstance(other, int):
            return max(one, other)
        return arith.maxui(self.value(one), self.value(other))

    def value(self, amount: Amount) -> ir.Value:
        """``amount`` as an index value."""
        return arith.constant(ir.IndexType.get(), amount) if isinstance(amount, int) else amount


class Estimator:
    """Estimates of what runs inside ``loop``; values are computed at the current insertion point, in front of it."""

    def __init__(self, loop: ir.Operation) -> None:
        self._amounts = Amounts()
        self._loop = loop
        self._vectors: dict[ir.Type, int] = {}

    def block(self, operations: Iterable[ir.Operation]) -> Amount:
        """The work of ``operations``, one after the other."""
        total: Amount = 0
        for op in operations:
            total = self._amounts.add(total, self._operation(op))
        return total

    def trips(self, lower: ir.Value, upper: ir.Value, step: ir.Value) -> Amount:
        """The number of iterations; a usual one where it differs from iteration to iteration of what is around."""
        low, high, by = constant(lower), constant(upper), constant(step)
        if low is not None and high is not None and by is not None:
            return max(0, -(-(high - low) // by))
        bounded = _block_length(lower, upper)
        if bounded is not None and by is not None:
            return -(-bounded // by)
        if any(self._is_inside(value) for value in (lower, upper, step)):
            return _UNKNOWN_TRIPS
        length = upper if low == 0 else arith.maxsi(arith.subi(upper, lower), self._amounts.value(0))
        return length if by == 1 else arith.ceildivui(length, step)

    def _operation(self, op: ir.Operation) -> Amount:
        name = op.name
        if not op.regions:
            return self._own_work(name, op)
        if name in _LOOPS:
            rank = len(op.regions[0].blocks[0].arguments) if name == "scf.parallel" else 1
            operands = list(op.operands)
            work = self.block(_children(op))
            for lower, upper, step in zip(
                operands[:rank], operands[rank : 2 * rank], operands[2 * rank : 3 * rank], strict=True
            ):
                work = self._amounts.times(work, self.trips(lower, upper, step))
            return work
        inner = self.block(_children(op))
        if name in ("scf.while", "affine.for"):
            return self._amounts.times(inner, _UNKNOWN_TRIPS)
        return self._amounts.add(inner, self._own_work(name, op))

    def _own_work(self, name: str, op: ir.Operation) -> int:
        if name in _FREE or name.endswith(_FREE_ENDS):
            return 0
        if name in _TOLD_BY_RESULT:
            types = {op.results[0].type}
        else:
            types = {value.type for value in (*op.results, *op.operands)}
        if name != "memref.load" and all(isinstance(type_, ir.IndexType) for type_ in types):
            return 0  # addresses: the code generator folds or hoists nearly all of them
        repeats = max((self._repeats(type_) for type_ in types), default=1)
        if name.startswith("math.") and name not in _CHEAP_MATH:
            return repeats * _SLOW.get(name, _TRANSCENDENTAL)
        return repeats * _SLOW.get(name, 1)

    def _repeats(self, type_: ir.Type) -> int:
        """How many instructions a value of this type takes."""
        known = self._vectors.get(type_)
        if known is None:
            known = max(1, -(-element_bytes(type_) // _VECTOR_BYTES)) if isinstance(type_, ir.VectorType) else 1
            self._vectors[type_] = known
        return known

    def _is_inside(self, value: ir.Value) -> bool:
        owner = value.owner
        around = owner.owner.operation if isinstance(owner, ir.Block) else owner.operation.parent
        while around is not None:
            if around.operation == self._loop:
                return True
            around = around.operation.parent
        return False


def constant(value: ir.Value) -> int | None:
    """The number that ``value`` is, or None where it is no constant."""
    if isinstance(value.owner, ir.Block) or value.owner.operation.name != "arith.constant":
        return None
    attribute = value.owner.operation.attributes["value"]
    return int(ir.IntegerAttr(attribute).value) if isinstance(attribute, ir.IntegerAttr) else None


def _block_length(lower: ir.Value, upper: ir.Value) -> int | None:
    """``n`` where the upper bound is ``min(lower + n, ...)``: a block of a larger loop."""
    if isinstance(upper.owner, ir.Block) or upper.owner.operation.name not in ("arith.minsi", "arith.minui"):
        return None
    for candidate in upper.owner.operation.operands:
        if isinstance(candidate.owner, ir.Block) or candidate.owner.operation.name != "arith.addi":
            continue
        operands = list(candidate.owner.operation.operands)
        if lower in operands:
            return constant(operands[1 - operands.index(lower)])
    return None


def _children(op: ir.Operation) -> list[ir.Operation]:
    return [inner.operation for region in op.regions for block in region.blocks for inner in block.operations]
