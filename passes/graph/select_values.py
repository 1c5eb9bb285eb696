"""select-values: branches that compute nothing become a choice between values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.support.walk import named


@dataclass
class SelectValues(Pass):
    """Choose by ``aten.where`` between values from outside that both branches of a ``torch.prim.If`` only hand on.

    Upstream makes an ``arith.select`` of tensors of it, which its own lowering refuses. Values of dynamic sizes may
    differ in them: there the branches stay, and compute their value by choosing it over a zero.
    """

    name: ClassVar[str] = "select-values"
    summary: ClassVar[str] = "values that branches only hand on are chosen without branches"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for branch in named(op, "torch.prim.If"):
            condition = _condition(branch.operands[0])
            if condition is None:
                continue
            for place in range(len(branch.results)):
                _choose(branch, place, condition)


def _condition(value: ir.Value) -> ir.Value | None:
    """The tensor behind a truth value, as PyTorch's programs and ONNX's take it."""
    number = tb.defining(value, "torch.aten.Bool.int")
    op = tb.defining(value, "torch.aten.Bool.Tensor") if number is None else None
    if number is not None:
        op = tb.defining(number.operands[0], "torch.aten.item")
    return op.operands[0] if op is not None and tb.tensor_info(op.operands[0]) == tb.TensorInfo((), "i1") else None


def _choose(branch: ir.Operation, place: int, condition: ir.Value) -> None:
    yields = [list(region.blocks[0].operations)[-1].operation for region in branch.regions]
    then, otherwise = (op.operands[place] for op in yields)
    info = tb.tensor_info(then)
    if info is None or info.dtype.startswith("complex") or _is_inside(then, branch) or _is_inside(otherwise, branch):
        return
    if info.is_static() and then.type == otherwise.type == branch.results[place].type:
        with ir.InsertionPoint(branch), branch.location:
            chosen = tb.build("aten.where.self", [condition, then, otherwise], info)
        branch.results[place].replace_all_uses_with(chosen)
        return
    for op, is_then in zip(yields, (True, False), strict=True):
        value = op.operands[place]
        with ir.InsertionPoint(op), branch.location:
            zero = _zero(info.dtype)
            pair = [value, zero] if is_then else [zero, value]
            op.operands[place] = tb.build("aten.where.self", [condition, *pair], value.type)


def _zero(dtype: str) -> ir.Value:
    """A tensor of rank 0, which broadcasts."""
    number = "false" if dtype == "i1" else "0.0" if dtype.startswith(("f", "bf")) else "0"
    value = ir.Attribute.parse(f"dense<{number}> : tensor<{dtype}>")
    kind = tb.TensorInfo((), dtype).type()
    return ir.Operation.create("torch.vtensor.literal", results=[kind], attributes={"value": value}).result


def _is_inside(value: ir.Value, branch: ir.Operation) -> bool:
    owner = value.owner
    around = owner.owner if isinstance(owner, ir.Block) else owner.operation.parent
    while around is not None:
        if around.operation == branch:
            return True
        around = around.operation.parent
    return False
