"""What a value in the body of a structured operation follows from."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.support.walk import outer_first


def ops_behind(op: ir.Operation, value: ir.Value) -> list[ir.Operation]:
    """The operations of the body of ``op`` that ``value`` follows from, in their order."""
    body = op.regions[0].blocks[0]
    found: set[ir.Operation] = set()
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, ir.OpResult) and one.owner.operation.block == body and one.owner.operation not in found:
            found.add(one.owner.operation)
            rest += outside_of(one.owner.operation)
    return [view.operation for view in body.operations if view.operation in found]


def taken_by(op: ir.Operation, value: ir.Value) -> list[ir.Value]:
    """What ``value``, in the body of ``op``, takes: arguments of the body, and values from outside of it."""
    ops = ops_behind(op, value)
    made = {result for inner in ops for result in inner.results}
    used = [value, *(operand for inner in ops for operand in outside_of(inner))]
    return list(dict.fromkeys(operand for operand in used if operand not in made))


def outside_of(op: ir.Operation) -> list[ir.Value]:
    """What ``op``, and what is inside of it, takes from outside."""
    inner = outer_first(op)
    made = {value for one in inner for value in one.results}
    made |= {value for one in inner for region in one.regions for block in region for value in block.arguments}
    return [value for one in inner for value in one.operands if value not in made]
