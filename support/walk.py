"""The operations below one, as a list."""

from __future__ import annotations

from torch_mlir import ir


def operations(root: ir.Operation) -> list[ir.Operation]:
    """All operations at and below ``root``, inner ones before those around them; the list outlives changes to them."""
    return _walk(root, ir.WalkOrder.POST_ORDER)


def outer_first(root: ir.Operation) -> list[ir.Operation]:
    """The same in the order of the text: an operation before those inside it."""
    return _walk(root, ir.WalkOrder.PRE_ORDER)


def inside(op: ir.Operation) -> list[ir.Operation]:
    """All operations in the regions of ``op``, in the order of the text."""
    return outer_first(op)[1:]


def _walk(root: ir.Operation, order: ir.WalkOrder) -> list[ir.Operation]:
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        found.append(op)
        return ir.WalkResult.ADVANCE

    root.walk(visit, order)
    return found
