"""balance-sums: long sums, and what else is associative, become trees, in which what a loop carries comes last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.hardware.loops.tools import ASSOCIATIVE, LOAD, LOOP, memory_of, written_in
from stepwell.support.walk import named


@dataclass
class BalanceSums(Pass):
    """Sums of integers wrap around, so that any order gives the same.

    ``((carried + a) + b) + c`` becomes ``carried + ((a + b) + c)``: one addition from an iteration to the next. Maxima,
    minima, and, or and exclusive or are treated alike.
    """

    name: ClassVar[str] = "balance-sums"
    summary: ClassVar[str] = "sums, maxima and the like in loops as trees, with what loops carry last"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        balanced = 0
        for root in named(op, *ASSOCIATIVE):
            if not _is_part(root) and _loop_around(root) is not None:
                balanced += _balance(root)
        context.note(self.name, balanced=balanced)


def _balance(root: ir.Operation) -> bool:
    leaves: list[ir.Value] = []
    inner = _collect(root, leaves)
    if len(leaves) < 3:
        return False
    late = [value for value in leaves if _is_carried(value)]
    early = [value for value in leaves if not _is_carried(value)]
    with ir.InsertionPoint(root), root.location:
        while len(early) > 1:
            pairs = [_combine(root, a, b) for a, b in zip(early[::2], early[1::2], strict=False)]
            early = pairs + early[len(pairs) * 2 :]
        total = early[0] if early else late.pop()
        for value in late:
            total = _combine(root, value, total)
    root.results[0].replace_all_uses_with(total)
    for op in (root, *inner):
        op.erase()
    return True


def _combine(root: ir.Operation, left: ir.Value, right: ir.Value) -> ir.Value:
    """``root`` of other operands."""
    return ir.Operation.create(root.name, results=[root.results[0].type], operands=[left, right]).results[0]


def _collect(op: ir.Operation, leaves: list[ir.Value]) -> list[ir.Operation]:
    """What a sum is of, in order; gives the operations in it, those that read others first."""
    found = []
    for value in op.operands:
        maker = value.owner.operation if isinstance(value, ir.OpResult) else None
        if maker is not None and maker.name == op.name and _is_part(maker):
            found += [maker, *_collect(maker, leaves)]
        else:
            leaves.append(value)
    return found


def _is_part(op: ir.Operation) -> bool:
    """One that only another of its kind in its block reads."""
    users = [use.owner.operation for use in op.results[0].uses]
    return len(users) == 1 and users[0].name == op.name and users[0].block == op.block


def _is_carried(value: ir.Value) -> bool:
    """A value of the iteration before, in a register or in a memory."""
    if isinstance(value, ir.BlockArgument):
        return True
    maker = value.owner.operation
    loop = _loop_around(maker)
    return maker.name == LOAD and loop is not None and memory_of(maker) in written_in([loop])


def _loop_around(op: ir.Operation) -> ir.Operation | None:
    parent = op.parent
    return parent.operation if parent is not None and parent.operation.name == LOOP else None
