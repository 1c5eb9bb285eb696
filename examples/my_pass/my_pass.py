"""A dialect and two passes of your own, in one file: ``stepwell-opt --load my_pass.py``.

``price`` has one operation, the exact ``price.discount``. The first pass forms it from arithmetic, the second takes it
apart again.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith
from torch_mlir.dialects.ext import Dialect, Operand, Pure, Result, infer_result

from stepwell.passes.base import Pass, PassContext, Pattern, PatternPass
from stepwell.passes.registry import register
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.walk import operations


class Price(Dialect, name="price"):
    """Prices in whole cents."""


class DiscountOp(Price.Operation, name="discount", traits=[Pure]):
    """``amount`` less ``percent`` of it, rounded down to whole cents."""

    amount: Operand[ir.IntegerType[64]]
    percent: ir.IntegerAttr
    reduced: Result[ir.IntegerType[64]] = infer_result()


@register
@dataclass
class FormDiscounts(PatternPass):
    """Replace ``amount * factor / 100`` with ``price.discount``."""

    name: ClassVar[str] = "form-discounts"
    summary: ClassVar[str] = "recognise discounts in integer arithmetic"

    largest: int = 50

    def patterns(self) -> list[tuple[type | str, Pattern]]:
        return [(arith.DivSIOp, self._form)]

    def _form(self, division: Any, rewriter: Any) -> bool | None:
        product = division.lhs.owner
        if _constant(division.rhs) != 100 or not isinstance(product, ir.Operation | ir.OpView):
            return True
        factor = _constant(product.operands[1]) if product.operation.name == "arith.muli" else None
        if factor is None or not 100 - self.largest <= factor < 100:
            return True
        i64 = division.result.type
        with rewriter.ip, division.location:
            discount = DiscountOp(product.operands[0], ir.IntegerAttr.get(i64, 100 - factor))
        rewriter.replace_op(division, discount)
        return None


@register
@dataclass
class LowerDiscounts(Pass):
    """Replace ``price.discount`` with integer arithmetic."""

    name: ClassVar[str] = "lower-discounts"
    summary: ClassVar[str] = "lower price.discount to arith"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [inner for inner in operations(op) if inner.name == "price.discount"]
        for discount in found:
            self._lower(discount)
        context.note(self.name, lowered=len(found))

    def _lower(self, discount: ir.Operation) -> None:
        percent = ir.IntegerAttr(discount.attributes["percent"]).value
        if percent > 100:
            raise PassError(
                f"a discount of {percent} percent can't be given",
                where=describe_location(discount.location),
                hint="at most 100 percent",
            )
        i64 = discount.result.type
        with ir.InsertionPoint(discount), discount.location:
            factor = arith.constant(i64, 100 - percent)
            product = arith.muli(discount.operands[0], factor)
            discount.result.replace_all_uses_with(arith.divsi(product, arith.constant(i64, 100)))
        discount.erase()


def _constant(value: ir.Value) -> int | None:
    """The number that ``value`` is defined as, if it is one."""
    owner = value.owner
    if not isinstance(owner, ir.Operation | ir.OpView) or owner.operation.name != "arith.constant":
        return None
    return int(ir.IntegerAttr(owner.operation.attributes["value"]).value)
