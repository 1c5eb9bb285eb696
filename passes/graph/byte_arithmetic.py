"""Arithmetic of bytes with a number, done in 32 bits: torch-mlir's lowering of these operators crashes on bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.torch_build import TensorInfo

# Numbers of dtypes as torch counts them.
_DTYPES = {"ui8": 0, "si8": 1, "si32": 3}


def widened(operator: str) -> Callable[[Sequence[ir.Value], TensorInfo], ir.Value | None]:
    """The decomposition of ``operator`` on 8-bit integers; narrowing at the end wraps as PyTorch's bytes do."""

    def decompose(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
        info = tb.tensor_info(operands[0])
        if info is None or info.dtype not in ("si8", "ui8") or info.dtype != result.dtype:
            return None
        wide = _convert(operands[0], TensorInfo(info.shape, "si32"))
        value = tb.build(operator, [wide, *operands[1:]], TensorInfo(result.shape, "si32"))
        return _convert(value, result)

    return decompose


def _convert(value: ir.Value, result: TensorInfo) -> ir.Value:
    return tb.build("prims.convert_element_type", [value, tb.constant(_DTYPES[result.dtype])], result)


BYTES = {
    f"byte_{name.partition('.')[0]}": (widened(f"aten.{name}"), (name,))
    for name in ("div.Tensor_mode", "mul.Scalar", "remainder.Scalar", "sub.Scalar")
}
"""By the name that users give, as :data:`.decompositions.DECOMPOSITIONS`."""
