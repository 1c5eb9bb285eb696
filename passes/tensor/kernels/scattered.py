"""Loops that write elements of a tensor at computed places and read none of them: each turn can be a thread."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.tensor.kernels.copies import copied
from stepwell.support.walk import outer_first


@dataclass(frozen=True)
class Scatter:
    """``for n in range(count): result[places] = number``, from ``original`` on.

    Attributes:
        op: the loop.
        insert: the operation of its body that writes.
    """

    op: ir.Operation
    insert: ir.Operation

    @property
    def body(self) -> ir.Block:
        """What a turn does."""
        return self.op.regions[0].blocks[0]

    @property
    def count(self) -> ir.Value:
        """How many turns there are."""
        return self.op.operands[1]

    @property
    def original(self) -> ir.Value:
        """The tensor that elements are written to."""
        return self.op.operands[3]


def match_scatter(op: ir.Operation) -> Scatter | None:
    """The scatter that ``op`` is; None where it is none, or reads what it writes.

    Of several numbers for one place any may stay, as PyTorch has it on GPUs.
    """
    if op.name != "scf.for" or len(op.results) != 1 or _number(op.operands[0]) != 0 or _number(op.operands[2]) != 1:
        return None
    body = op.regions[0].blocks[0]
    *ops, end = [view.operation for view in body.operations]
    carried = body.arguments[1]
    written = end.operands[0]
    if not isinstance(written, ir.OpResult) or written.owner.operation.name != "tensor.insert":
        return None
    insert = written.owner.operation
    readers = [use.owner.operation for use in carried.uses]
    if readers != [insert] or insert.operands[1] != carried or not all(map(_is_plain, ops)):
        return None
    return Scatter(op, insert) if all(op == insert or op.name != "tensor.insert" for op in ops) else None


def keep_originals(block: ir.Block) -> None:
    """Let each scatter of ``block`` write to a copy of its own."""
    for op in [view.operation for view in block.operations]:
        found = match_scatter(op)
        if found is not None:
            with ir.InsertionPoint(op), op.location:
                op.operands[3] = copied(found.original)


def _is_plain(op: ir.Operation) -> bool:
    names = ("tensor.extract", "tensor.dim", "tensor.insert", "cf.assert")
    return all(one.name in names or one.name.startswith(("arith.", "math.")) for one in outer_first(op))


def _number(value: ir.Value) -> int | None:
    if isinstance(value.owner, ir.Block) or value.owner.operation.name != "arith.constant":
        return None
    return int(ir.IntegerAttr(value.owner.operation.attributes["value"]).value)
