"""Means of f16 and bf16, which overflow and round where they are a sum and a quotient in that type."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.torch_build import TensorInfo


def mean(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """The mean in f32, rounded; torch-mlir divides a sum of f16, which may be infinite, by a count, which may be."""
    info = tb.tensor_info(operands[0])
    if info is None or result.dtype not in ("f16", "bf16") or not tb.is_none(operands[-1]):
        return None
    wide = tb.convert(operands[0], TensorInfo(info.shape, "f32"))
    name = "aten.mean.dim" if len(operands) > 2 else "aten.mean"
    made = tb.build(name, [wide, *operands[1:]], TensorInfo(result.shape, "f32"))
    return tb.convert(made, result)
