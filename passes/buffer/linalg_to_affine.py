"""linalg-to-affine: structured operations on buffers as loop nests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.views import root_of
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.schedule import ToLoops, apply_schedule
from stepwell.passes.tensor.structured import loops_of, structured_ops


@dataclass
class LinalgToAffine(Pass):
    """Affine loops where bounds and sizes are ones that the affine dialect can name, ``scf.for`` elsewhere.

    An operation of dynamic size inside of a loop has bounds that are no affine symbols: it becomes ``scf.for``.
    Operations on tensors are left alone.
    """

    name: ClassVar[str] = "linalg-to-affine"
    summary: ClassVar[str] = "lower structured operations on buffers to affine loops"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        targets = [inner for inner in structured_ops(op) if not inner.results]
        other = [inner for inner in targets if not _is_affine(inner)]
        for inner in other:
            apply_schedule(inner, [ToLoops()])
        for text in ("convert-linalg-to-affine-loops", "convert-linalg-to-loops"):
            run_element(parse_element(text), op, context)
        context.note(self.name, affine=len(targets) - len(other), scf=len(other))


def _is_affine(op: ir.Operation) -> bool:
    if all(loop.size is not None for loop in loops_of(op)):
        return True
    return op.parent.operation.name == "func.func" and all(_is_top_level(operand) for operand in op.operands)


def _is_top_level(value: ir.Value) -> bool:
    """Whether the sizes of ``value`` are known at the top of the function."""
    root = root_of(value)
    owner = root.owner if isinstance(root, ir.BlockArgument) else root.owner.operation.block
    return bool(owner.owner.operation.name == "func.func")
