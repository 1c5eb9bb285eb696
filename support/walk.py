"""The operations below one, as a list."""

from __future__ import annotations

from torch_mlir import ir


def operations(root: ir.Operation) -> list[ir.Operation]:
    """All operations at and below ``root``, inner ones before those around them; the list outlives changes to them."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        found.append(op)
        return ir.WalkResult.ADVANCE

    root.walk(visit)
    return found
