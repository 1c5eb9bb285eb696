"""propagate-layouts: images keep their channels last from the first convolution to the last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.layout.grouped import grouped_convolution
from stepwell.passes.tensor.layout.planes import keep_planes
from stepwell.passes.tensor.layout.readers import GROUPED
from stepwell.passes.tensor.layout.rewrites import REWRITES, Rewrite, unchanged
from stepwell.passes.tensor.layout.twins import FIRST, Twins, transpose

_CONVOLUTIONS = frozenset({"linalg.conv_2d_nchw_fchw", "linalg.depthwise_conv_2d_nchw_chw", GROUPED})
_REWRITES: dict[str, Rewrite] = {**REWRITES, "tensor.collapse_shape": grouped_convolution}


@dataclass
class PropagateLayouts(Pass):
    """Rewrite convolutions, and what lies between them, over images with channels last.

    A vector of channels then meets one pixel in every operation: whatever the stride, the dilation and the width.
    Elementwise operations, padding, pooling, reductions over pixels and transposes follow their operands; a transpose
    is left where a value enters the first convolution, and where it is used by anything else.

    Options:
        alone: whether convolutions that stand alone may keep their channels second.
    """

    name: ClassVar[str] = "propagate-layouts"
    summary: ClassVar[str] = "keep images with channels last between convolutions"

    alone: bool = True

    def run(self, op: ir.Operation, context: PassContext) -> None:
        converted = kept = 0
        for function in op.regions[0].blocks[0].operations:
            for region in function.operation.regions:
                for block in region.blocks:
                    alone = keep_planes(block) if self.alone else []
                    kept += len(alone)
                    converted += _convert(block, alone)
        context.note(self.name, converted=converted, kept=kept)


def _convert(block: ir.Block, alone: list[ir.Operation]) -> int:
    convolutions = [view.operation for view in block.operations if view.operation.name in _CONVOLUTIONS]
    if all(op in alone for op in convolutions):
        return 0
    twins = Twins()
    done: list[tuple[ir.Operation, ir.Value]] = []
    for op in [view.operation for view in block.operations if view.operation not in alone]:
        rewrite = _REWRITES.get(op.name)
        with ir.InsertionPoint(op), op.location:
            same = unchanged(op, twins)
            if same is not None:
                op.results[0].replace_all_uses_with(same)
                op.erase()
                continue
            twin = rewrite(op, twins) if rewrite is not None else None
        if twin is None:
            continue
        if ir.RankedTensorType(op.results[0].type).rank != 4:
            op.results[0].replace_all_uses_with(twin)
            op.erase()
            continue
        twins.set(op.results[0], twin)
        done.append((op, twin))
    for op, twin in reversed(done):
        if any(True for _ in op.results[0].uses):
            with ir.InsertionPoint(op), op.location:
                op.results[0].replace_all_uses_with(transpose(twin, FIRST))
        op.erase()
    return len(done)
