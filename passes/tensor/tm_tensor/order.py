"""The order that a comparison body stands for, NaN included."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.tensor.build import inline_body

_OGT, _OGE, _OLT, _OLE = 2, 3, 4, 5


def comes_before(body: ir.Block, arguments: list[ir.Value]) -> ir.Value:
    """Whether the first element comes before the second, by ``body`` applied to ``arguments``.

    Ordered float comparisons are false for NaN both ways, which is no order at all. As in PyTorch, NaN counts as
    greater than every number.
    """
    (before,) = inline_body(body, arguments)
    comparison = _float_comparison(body)
    if comparison is None:
        return before
    left, right = arguments[0], arguments[1]
    if comparison in (_OGT, _OGE):
        left, right = right, left
    # ``right`` is the one that should be the greater.
    nan = arith.CmpFOp(arith.CmpFPredicate.UNO, right, right).result
    if comparison in (_OGT, _OLT):
        number = arith.CmpFOp(arith.CmpFPredicate.ORD, left, left).result
        nan = arith.AndIOp(nan, number).result
    return arith.OrIOp(before, nan).result


def _float_comparison(body: ir.Block) -> int | None:
    """The predicate, if ``body`` is one ordered float comparison of its first two arguments."""
    operations = [op.operation for op in body.operations]
    if len(operations) != 2 or operations[0].name != "arith.cmpf":
        return None
    comparison = operations[0]
    if list(comparison.operands) != [body.arguments[0], body.arguments[1]]:
        return None
    predicate = int(ir.IntegerAttr(comparison.attributes["predicate"]).value)
    return predicate if predicate in (_OGT, _OGE, _OLT, _OLE) else None
