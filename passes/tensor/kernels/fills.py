"""Tensors full of one number."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.passes.tensor.structured import input_count


def is_fill(op: ir.Operation) -> bool:
    """Whether ``op`` sets all elements of a tensor to one number, which a kernel does by itself where it starts."""
    if op.name == "linalg.fill":
        return True
    if op.name != "linalg.generic" or input_count(op) != 1 or isinstance(op.operands[0].type, ir.ShapedType):
        return False
    body = list(op.regions[0].blocks[0].operations)
    return len(body) == 1 and body[0].operands[0] == op.regions[0].blocks[0].arguments[0]
