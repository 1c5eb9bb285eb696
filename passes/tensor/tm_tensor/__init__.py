"""Operations of the ``tm_tensor`` dialect, which has no Python classes, read by name."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir


@dataclass(frozen=True)
class Operation:
    """A ``tm_tensor`` operation taken apart: operands by segment, and its body's block if it has one."""

    op: ir.Operation
    inputs: list[ir.Value]
    outputs: list[ir.Value]
    body: ir.Block | None

    def integer(self, name: str) -> int:
        """The integer attribute ``name``."""
        return int(ir.IntegerAttr(self.op.attributes[name]).value)

    def flag(self, name: str) -> bool:
        """The boolean attribute ``name``."""
        return bool(ir.BoolAttr(self.op.attributes[name]).value)


def read_operation(op: ir.Operation) -> Operation:
    """Take ``op`` apart."""
    inputs, outputs = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])
    operands = list(op.operands)
    blocks = [block for region in op.regions for block in region]
    return Operation(op, operands[:inputs], operands[inputs : inputs + outputs], blocks[0] if blocks else None)
