"""Arithmetic of bytes with a number, which torch-mlir's lowering of the scalar operators crashes on."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.torch_build import TensorInfo


def byte_product(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x * number`` on 8-bit integers as a product with a tensor of no dimensions; wraps as PyTorch does."""
    number = tb.number(operands[1])
    if not _bytes(operands[0], result) or not isinstance(number, int):
        return None
    return tb.build("aten.mul.Tensor", [operands[0], _literal(number, result.dtype)], result)


def byte_difference(operands: Sequence[ir.Value], result: TensorInfo) -> ir.Value | None:
    """``x - alpha * number`` on 8-bit integers."""
    number, alpha = tb.number(operands[1]), tb.number(operands[2])
    if not _bytes(operands[0], result) or not isinstance(number, int) or not isinstance(alpha, int):
        return None
    literal = _literal(number * alpha, result.dtype)
    return tb.build("aten.sub.Tensor", [operands[0], literal, tb.constant(1)], result)


def _bytes(value: ir.Value, result: TensorInfo) -> bool:
    info = tb.tensor_info(value)
    return info is not None and info.dtype == result.dtype and result.dtype in ("si8", "ui8")


def _literal(number: int, dtype: str) -> ir.Value:
    """``number``, wrapped, as a tensor of no dimensions."""
    wrapped = number % 256
    if dtype == "si8" and wrapped > 127:
        wrapped -= 256
    value = ir.Attribute.parse(f"dense<{wrapped}> : tensor<{dtype}>")
    literal = ir.Operation.create(
        "torch.vtensor.literal", results=[TensorInfo((), dtype).type()], attributes={"value": value}
    )
    return literal.result
