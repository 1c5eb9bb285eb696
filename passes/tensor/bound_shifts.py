"""bound-shifts: shifts by as many bits as there are, by more, or by less than none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.base import Pass, PassContext
from stepwell.support.walk import operations

_SHIFTS = frozenset({"arith.shli", "arith.shrsi", "arith.shrui"})


@dataclass
class BoundShifts(Pass):
    """Give shifts of data by amounts that are not known PyTorch's meaning where ``arith`` has none.

    With nothing left of the number a shift to the left gives 0, one to the right 0 or -1, as the sign is. Arithmetic
    of sizes and loop indices (``index``) stays as it is.
    """

    name: ClassVar[str] = "bound-shifts"
    summary: ClassVar[str] = "shifts by more bits than there are give what PyTorch does"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [each for each in operations(op) if each.name in _SHIFTS and _may_be_too_far(each.operands[1])]
        for shift in found:
            with ir.InsertionPoint(shift), shift.location:
                _bound(shift)
        context.note(self.name, bounded=len(found))


def _may_be_too_far(amount: ir.Value) -> bool:
    if not isinstance(amount.type, ir.IntegerType):
        return False
    if isinstance(amount.owner, ir.Block) or amount.owner.operation.name != "arith.constant":
        return True
    known = ir.IntegerAttr(amount.owner.operation.attributes["value"]).value
    return not 0 <= known < ir.IntegerType(amount.type).width


def _bound(shift: ir.Operation) -> None:
    number, amount = shift.operands
    zero = arith.constant(number.type, 0)
    most = arith.constant(number.type, ir.IntegerType(number.type).width - 1)
    sound = arith.cmpi(arith.CmpIPredicate.ule, amount, most)  # as an unsigned number: no negative one is
    shift.operands[1] = arith.select(sound, amount, most)
    if shift.name == "arith.shrsi":
        return  # all bits are the sign's by then
    with ir.InsertionPoint.after(shift):
        bounded = arith.select(sound, shift.results[0], zero)
    shift.results[0].replace_all_uses_except(bounded, bounded.owner.operation)
