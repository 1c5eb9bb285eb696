"""decompose: composite operators of the torch dialect in simpler ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.decompositions.table import COMPARISONS, DECOMPOSITIONS, Decomposition
from stepwell.passes.graph.unused import erase_unused
from stepwell.support.errors import UsageError
from stepwell.support.walk import operations

_NEEDED = (
    "cdist",
    "clamp",
    "eq",
    "fmod",
    "gelu",
    "hardtanh",
    "hypot",
    "maximum",
    "mean",
    "minimum",
    "reciprocal",
    "relu6",
    *COMPARISONS,
)
"""What torch-mlir does not lower, or wrongly, or (gelu) with a division where PyTorch multiplies."""


@dataclass
class Decompose(Pass):
    """Replace composite operators by arithmetic; by default those that would not lower otherwise.

    Floating-point tensors of known rank are taken apart.
    """

    name: ClassVar[str] = "decompose"
    summary: ClassVar[str] = "take composite operators apart"

    ops: tuple[str, ...] = field(
        default=_NEEDED, metadata={"help": f"any of {', '.join(DECOMPOSITIONS)}; or 'all' of them"}
    )

    keep: tuple[str, ...] = field(default=(), metadata={"help": "operators that stay as they are, aten.gelu for one"})

    def __post_init__(self) -> None:
        self._chosen()

    def run(self, op: ir.Operation, context: PassContext) -> None:
        chosen = self._chosen()
        while found := _find(op, chosen):  # what a decomposition makes may be taken apart in turn
            if not sum(_replace(inner, decomposition) for inner, decomposition in found):
                break
        erase_unused(op)

    def _chosen(self) -> dict[str, Decomposition]:
        names = tuple(DECOMPOSITIONS) if self.ops == ("all",) else self.ops
        for name in names:
            if name not in DECOMPOSITIONS:
                raise UsageError(
                    f"decompose has no rule for '{name}'", hint=f"it has {', '.join(DECOMPOSITIONS)}, or 'all'"
                )
        rules = {f"torch.aten.{op}": rule for name in names for rule, ops in [DECOMPOSITIONS[name]] for op in ops}
        return {name: rule for name, rule in rules.items() if name.removeprefix("torch.") not in self.keep}


def _find(root: ir.Operation, chosen: dict[str, Decomposition]) -> list[tuple[ir.Operation, Decomposition]]:
    named = [(op, _operator(op)) for op in operations(root)]
    return [(op, chosen[name]) for op, name in named if name in chosen]


def _operator(op: ir.Operation) -> str:
    """The name of ``op``; an operator that torch-mlir does not know comes as ``torch.operator`` with its own."""
    return str(ir.StringAttr(op.attributes["name"]).value if op.name == "torch.operator" else op.name)


def _replace(op: ir.Operation, decomposition: Decomposition) -> bool:
    if len(op.results) != 1:
        return False
    operand, result = tb.tensor_info(op.operands[0]), tb.tensor_info(op.results[0])
    if operand is None or result is None or not operand.is_float():
        return False
    with ir.InsertionPoint(op), op.location:
        value = decomposition(list(op.operands), result)
    if value is None or value.type != op.results[0].type:
        return False
    op.results[0].replace_all_uses_with(value)
    op.erase()
    return True
