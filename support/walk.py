"""The operations below one, as a list."""

from __future__ import annotations

from torch_mlir import ir

_ADVANCE = ir.WalkResult.ADVANCE
_SKIP = ir.WalkResult.SKIP


def operations(root: ir.Operation) -> list[ir.Operation]:
    """All operations at and below ``root``, inner ones before those around them; the list outlives changes to them."""
    return _walk(root, ir.WalkOrder.POST_ORDER)


def outer_first(root: ir.Operation) -> list[ir.Operation]:
    """The same in the order of the text: an operation before those inside it."""
    return _walk(root, ir.WalkOrder.PRE_ORDER)


def inside(op: ir.Operation) -> list[ir.Operation]:
    """All operations in the regions of ``op``, in the order of the text."""
    return outer_first(op)[1:]


def named(root: ir.Operation, *names: str) -> list[ir.Operation]:
    """Those of :func:`operations` that have one of ``names``."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in names:
            found.append(op)
        return _ADVANCE

    root.walk(visit, ir.WalkOrder.POST_ORDER)
    return found


def outermost(root: ir.Operation, name: str) -> list[ir.Operation]:
    """The operations inside of ``root`` called ``name`` that no other such one in it encloses, in program order."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name != name or op == root:
            return _ADVANCE
        found.append(op)
        return _SKIP

    root.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found


def _walk(root: ir.Operation, order: ir.WalkOrder) -> list[ir.Operation]:
    found: list[ir.Operation] = []

    add = found.append

    def visit(op: ir.Operation) -> ir.WalkResult:
        add(op)
        return _ADVANCE

    root.walk(visit, order)
    return found
