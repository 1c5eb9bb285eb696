"""join-biases: a row that is added behind a view of a product is added in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.unused import erase_unused
from stepwell.passes.graph.weights import Weights
from stepwell.support.walk import named

_VIEWS = ("torch.aten.view", "torch.aten._unsafe_view", "torch.aten.reshape")


@dataclass
class JoinBiases(Pass):
    """Add the bias of a linear layer to its product, not to a view of that.

    PyTorch takes a layer on more than two dimensions apart into a product of matrices, a view, and the sum with the
    bias. In front of the view the bias is part of the layer: in hardware it is where sums begin, and costs no
    adder, no stream and no rounding of its own.
    """

    name: ClassVar[str] = "join-biases"
    summary: ClassVar[str] = "biases behind views of products move in front of the views"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        weights = Weights()
        joined = sum(_join(add, weights) for add in named(op, "torch.aten.add.Tensor"))
        erase_unused(op)
        context.note(self.name, joined=joined)


def _join(add: ir.Operation, weights: Weights) -> bool:
    view, bias, _ = add.operands
    if isinstance(view.owner, ir.Block) or view.owner.operation.name not in _VIEWS or not _is_read_once(view):
        return False
    product = view.owner.operation.operands[0]
    made = tb.defining(product, "torch.aten.mm")
    if made is None or not _is_read_once(product) or not weights.is_fixed(bias):
        return False
    row, before, after = (tb.tensor_info(value) for value in (bias, product, add.result))
    if row is None or before is None or after is None or not after.is_static() or len(row.shape) != 1:
        return False
    if row.dtype != after.dtype or not row.shape[-1] == before.shape[-1] == after.shape[-1]:
        return False
    with ir.InsertionPoint(add), add.location:
        total = tb.build("aten.add.Tensor", [product, *list(add.operands)[1:]], before)
        shape = [size for size in after.shape if size is not None]
        add.result.replace_all_uses_with(tb.reshape(total, shape))
    return True


def _is_read_once(value: ir.Value) -> bool:
    return len(list(value.uses)) == 1
