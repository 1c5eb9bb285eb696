"""Fills with zero that a contraction can do by itself."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.passes.buffer.views import VIEWS, root_of


def fill_before(op: ir.Operation, out: ir.Value) -> ir.Operation | None:
    """The ``linalg.fill`` with zero of ``out`` ahead of ``op`` in its block, if nothing between touches that buffer."""
    touching = _touching(root_of(out))
    found: ir.Operation | None = None
    for other in op.block.operations:
        if other.operation == op:
            return found
        if other.operation.name == "linalg.fill" and other.operation.operands[1] == out:
            found = other.operation if _is_zero(other.operation.operands[0]) else None
        elif found is not None and _uses(other.operation, touching):
            found = None
    return None


def _touching(root: ir.Value) -> set[ir.Value]:
    """``root`` and all views of it."""
    found, pending = {root}, [root]
    while pending:
        for use in pending.pop().uses:
            if use.owner.operation.name in VIEWS:
                found.update(use.owner.operation.results)
                pending += use.owner.operation.results
    return found


def _uses(op: ir.Operation, values: set[ir.Value]) -> bool:
    if op.name in VIEWS:
        return False
    if any(operand in values for operand in op.operands):
        return True
    return any(_uses(inner.operation, values) for region in op.regions for block in region for inner in block)


def _is_zero(value: ir.Value) -> bool:
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return False
    attribute = owner.attributes["value"]
    number = attribute.value if isinstance(attribute, ir.FloatAttr | ir.IntegerAttr) else None
    return number == 0 and str(number) != "-0.0"
