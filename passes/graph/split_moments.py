"""split-moments: mean and variance of f32 by sums in f32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.support.walk import named


@dataclass
class SplitMoments(Pass):
    """Replace ``var_mean`` by a mean and the mean of the squares of what differs from it, both in f32.

    torch-mlir sums in f64 for the variance, and a second time in f32 for the mean; PyTorch itself sums in f32. The
    squares are those of differences, so that a mean far from 0 costs no digits. Taken are f32 tensors whose statistics
    keep their dimensions and divide by the number of elements, as normalisations have them.
    """

    name: ClassVar[str] = "split-moments"
    summary: ClassVar[str] = "mean and variance of f32 by sums in f32"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = named(op, "torch.aten.var_mean.correction")
        context.note(self.name, moments=sum(_split(inner) for inner in found))


def _split(op: ir.Operation) -> bool:
    x, dims, correction, keep = op.operands
    whole, small = tb.tensor_info(x), tb.tensor_info(op.results[1])
    if whole is None or small is None or whole.dtype != "f32" or small.dtype != "f32":
        return False
    if tb.number(correction) != 0 or tb.flag(keep) is not True:
        return False
    with ir.InsertionPoint(op), op.location:

        def mean(value: ir.Value) -> ir.Value:
            return tb.build("aten.mean.dim", [value, dims, keep, tb.constant(None)], small)

        middle = mean(x)
        difference = tb.build("aten.sub.Tensor", [x, middle, tb.constant(1)], whole)
        variance = mean(tb.build("aten.mul.Tensor", [difference, difference], whole))
    for old, new in zip(op.results, (variance, middle), strict=True):
        old.replace_all_uses_with(new)
    op.erase()
    return True
