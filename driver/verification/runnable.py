"""Which level a module is at as far as running it is concerned; any state between two levels may be asked about."""

from __future__ import annotations

from functools import cache

from torch_mlir import ir

from stepwell.backends.interpreter.interpreter import known_operations
from stepwell.passes.levels import LEVELS

_FRAME = frozenset({"builtin.module", "func.func", "llvm.mlir.global"})


def runnable_level(module: ir.Operation, entry: str = "main") -> str | None:
    """How ``module`` can be run: ``graph``, ``kernel``, ``hardware``, ``buffer`` (also the tensor level), or None.

    What counts is the operations that are there, not the name of a stage: halfway to the LLVM dialect a module can
    still be run as long as its entry is a ``func.func`` and the interpreter knows every operation in it.
    """
    names: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        declared = op.name == "llvm.func" and not list(op.regions[0].blocks)
        if not declared:
            names.add(op.name)
        return ir.WalkResult.ADVANCE

    module.walk(visit)
    if "func.func" not in names or not _has_entry(module, entry):
        return "hardware" if all(LEVELS["hardware"].allows(name) for name in names) else None
    if all(LEVELS["graph"].allows(name) for name in names):
        return "graph"
    if names <= _FRAME | _known():
        return "buffer"
    return "kernel" if all(LEVELS["kernel"].allows(name) for name in names) else None


@cache
def _known() -> frozenset[str]:
    """The operations that the numpy interpreter takes."""
    return known_operations()


def _has_entry(module: ir.Operation, entry: str) -> bool:
    for view in module.regions[0].blocks[0].operations:
        op = view.operation
        if op.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == entry:
            return bool(list(op.regions[0].blocks))
    return False
