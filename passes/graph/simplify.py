"""simplify: operations of the torch dialect that compute what is there already go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from stepwell.passes.base import PassContext, Pattern, PatternPass
from stepwell.passes.graph.identities import RULES, Rule
from stepwell.passes.graph.unused import erase_unused


@dataclass
class Simplify(PatternPass):
    """Replace identities: copies, casts there and back, dropout in evaluation, views of views, and the like.

    No rule changes a value, NaN, infinities and the sign of zero included. The rules and the operations they are
    tried on are :data:`stepwell.passes.graph.identities.RULES`.
    """

    name: ClassVar[str] = "simplify"
    summary: ClassVar[str] = "remove operations that compute what is there already"

    def patterns(self) -> list[tuple[type | str, Pattern]]:
        return [(name, _pattern(rule)) for rule, names in RULES for name in names]

    def run(self, op: ir.Operation, context: PassContext) -> None:
        super().run(op, context)
        erase_unused(op)


def _pattern(rule: Rule) -> Pattern:
    def rewrite(op: Any, rewriter: Any) -> bool | None:
        with rewriter.ip, op.operation.location:
            value = rule(op.operation)
        if value is None:
            return True
        rewriter.replace_op(op.operation, [value])
        return None

    return rewrite
