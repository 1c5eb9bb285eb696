"""Which level a module is at as far as running it is concerned; any state between two levels may be asked about."""

from __future__ import annotations

from functools import cache

from torch_mlir import ir

from stepwell.backends.interpreter.graph_mixed import is_mixed
from stepwell.backends.interpreter.interpreter import known_operations
from stepwell.passes.graph.cut_operators import CUT
from stepwell.passes.levels import LEVELS
from stepwell.support.walk import named, operations

_FRAME = frozenset({"builtin.module", "func.func", "llvm.mlir.global", "memref.global"})


def runnable_level(module: ir.Operation, entry: str = "main") -> str | None:
    """How ``module`` can be run: ``graph``, ``kernel``, ``hardware``, ``buffer`` (also the tensor level), or None.

    What counts is the operations that are there, not the name of a stage: halfway to the LLVM dialect a module can
    still be run as long as its entry is a ``func.func`` and the interpreter knows every operation in it.
    """
    if any(CUT in op.attributes for op in named(module, "func.func")):
        return None  # an operator is out of its place
    names = {op.name for op in operations(module) if op.name != "llvm.func" or list(op.regions[0].blocks)}
    boundary = _boundary(module, entry)
    if boundary is None:
        return "hardware" if all(LEVELS["hardware"].allows(name) for name in names) else None
    if "!torch." not in boundary and names <= _FRAME | _known():
        return "buffer"
    if all(LEVELS["graph"].allows(name) or is_mixed(name) for name in names):
        return "graph"
    kernels = any(name.startswith("gpu.") for name in names)
    return "kernel" if kernels and all(LEVELS["kernel"].allows(name) for name in names) else None


@cache
def _known() -> frozenset[str]:
    """The operations that the numpy interpreter takes."""
    return known_operations()


def _boundary(module: ir.Operation, entry: str) -> str | None:
    """The type of function ``entry`` as text; None where no ``func.func`` of that name has a body."""
    for view in module.regions[0].blocks[0].operations:
        op = view.operation
        if op.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == entry:
            return str(op.attributes["function_type"]) if list(op.regions[0].blocks) else None
    return None
