"""Which reductions of a group can be done at once, and what they start from."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from stepwell.backends.cuda.kernels.rows.body import spread
from stepwell.backends.cuda.kernels.rows.group import Group, Node
from stepwell.backends.cuda.kernels.rows.joins import Join


def rounds_of(group: Group) -> list[list[Node]]:
    """The reductions, those together that need no result of each other."""
    level: dict[ir.Value, int] = {}
    rounds: list[list[Node]] = []
    for node in group.nodes:
        depth = max((level.get(operand.source, 0) for operand in node.operands), default=0)
        if node.reduces:
            rounds += [[] for _ in range(depth + 1 - len(rounds))]
            rounds[depth].append(node)
        level.update(dict.fromkeys(node.op.results, depth + node.reduces))
    return rounds


def neutrals_of(joins: Sequence[Join], lanes: int) -> list[ir.Value]:
    """What joins of vectors begin with."""
    return [spread(value, lanes) for join in joins for value in join.neutral()]
