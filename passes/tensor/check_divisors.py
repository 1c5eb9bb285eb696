"""check-divisors: integers are divided by what is not zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, cf

from stepwell.passes.base import Pass, PassContext
from stepwell.support.locations import describe_location
from stepwell.support.walk import operations

_DIVISIONS = frozenset(
    f"arith.{name}" for name in ("divsi", "divui", "remsi", "remui", "ceildivsi", "ceildivui", "floordivsi")
)


@dataclass
class CheckDivisors(Pass):
    """Put a ``cf.assert`` in front of every division of integers whose divisor is no constant.

    Processors stop a program that divides by zero. Arithmetic of sizes and loop indices (``index``) is the lowering's
    own and stays as it is.
    """

    name: ClassVar[str] = "check-divisors"
    summary: ClassVar[str] = "assert that integers are not divided by zero"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        divisions = [inner for inner in operations(op) if inner.name in _DIVISIONS and _is_data(inner.operands[1])]
        checked: set[tuple[ir.Block, ir.Value]] = set()
        for division in divisions:
            if (division.block, division.operands[1]) not in checked:
                checked.add((division.block, division.operands[1]))
                _check(division)
        context.note(self.name, checked=len(checked))


def _is_data(divisor: ir.Value) -> bool:
    """Whether ``divisor`` is an integer that is not known."""
    if not isinstance(divisor.type, ir.IntegerType):
        return False
    owner = divisor.owner
    return isinstance(owner, ir.Block) or owner.operation.name != "arith.constant"


def _check(division: ir.Operation) -> None:
    divisor = division.operands[1]
    with ir.InsertionPoint(division), division.location:
        zero = arith.constant(divisor.type, 0)
        sound = arith.cmpi(arith.CmpIPredicate.ne, divisor, zero)
        cf.AssertOp(sound, f"integer division by zero at {describe_location(division.location)}")
