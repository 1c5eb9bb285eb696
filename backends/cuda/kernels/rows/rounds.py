"""Which reductions of a group can be done at once, and what they start from."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.rows.body import constant
from stepwell.backends.cuda.kernels.rows.group import Group, Node
from stepwell.passes.buffer.rows.combiners import neutral


def rounds_of(group: Group) -> list[list[Node]]:
    """The reductions, those together that need no result of each other."""
    level: dict[ir.Value, int] = {}
    rounds: list[list[Node]] = []
    for node in group.nodes:
        depth = max((level.get(operand.source, 0) for operand in node.operands), default=0)
        if node.combiners:
            rounds += [[] for _ in range(depth + 1 - len(rounds))]
            rounds[depth].append(node)
        level.update({result: depth + bool(node.combiners) for result in node.op.results})
    return rounds


def neutral_of(join: ir.Operation) -> ir.Value:
    """What changes nothing when it is joined."""
    kind = join.results[0].type
    return arith.ConstantOp(kind, neutral(join.name, kind)).result


def start_of(group: Group, node: Node, number: int) -> ir.Value:
    """What a reduction's result number ``number`` starts from."""
    start = node.operands[node.inputs + number].source
    if start not in group.filled:
        raise group.refuse("a reduction that starts from a tensor", node.op)
    return constant(group.filled[start])
