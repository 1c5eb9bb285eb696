"""widen-float8: what computes with 8-bit floats does so in f32, and casts to them round as PyTorch's do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.moves import MOVES
from stepwell.passes.graph.torch_build import TensorInfo
from stepwell.passes.graph.unused import erase_unused
from stepwell.support.walk import operations

_CONVERT = "torch.prims.convert_element_type"
_CASTS = frozenset({"_to_copy", "to"})
_F32 = "f32"

_NARROW = frozenset({"f8E4M3FN", "f8E5M2"})

_LARGEST = {"f8E4M3FN": 448.0}
"""What takes the place of an infinity, where there is none."""


@dataclass
class WidenFloat8(Pass):
    """Convert 8-bit floats to f32 ahead of operators that compute, and their results back.

    Casts between 8-bit floats and other types go through f32. Numbers that f8E4M3FN has no room for, infinities among
    them, become its largest; f8E5M2 has infinities.
    """

    name: ClassVar[str] = "widen-float8"
    summary: ClassVar[str] = "compute with 8-bit floats in f32, and cast to them as PyTorch does"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [each for each in operations(op) if each.name.startswith("torch.aten.") or each.name == _CONVERT]
        count = 0
        for each in found:
            with ir.InsertionPoint(each), each.location:
                count += _rewrite(each)
        erase_unused(op)
        context.note(self.name, widened=count)


def _rewrite(op: ir.Operation) -> bool:
    """Whether ``op`` is another one now."""
    operator = op.name.removeprefix("torch.aten.").partition(".")[0]
    if op.name == _CONVERT or operator in _CASTS:
        return _cast(op)
    if operator in MOVES or op.name == "torch.aten.view.dtype":
        return False
    return _compute(op)


def _cast(op: ir.Operation) -> bool:
    """Let a cast from or to an 8-bit float take f32, limited to what there is room for."""
    source, target = tb.tensor_info(op.operands[0]), tb.tensor_info(op.results[0])
    if source is None or target is None or source.dtype == target.dtype:
        return False
    if not {source.dtype, target.dtype} & _NARROW or target.dtype == _F32:
        return False
    op.operands[0] = _limited(tb.convert(op.operands[0], TensorInfo(source.shape, _F32)), target.dtype)
    return True


def _compute(op: ir.Operation) -> bool:
    """Give ``op`` operands of f32, and convert its results back."""
    narrow = [index for index, operand in enumerate(op.operands) if _is_narrow(operand)]
    for index in narrow:
        info = tb.tensor_info(op.operands[index])
        assert info is not None
        op.operands[index] = tb.convert(op.operands[index], TensorInfo(info.shape, _F32))
    for result in op.results if narrow else ():
        info = tb.tensor_info(result)
        if info is None or info.dtype not in _NARROW:
            continue
        result.set_type(TensorInfo(info.shape, _F32).type())
        users = [(use.owner.operation, use.operand_number) for use in result.uses]
        with ir.InsertionPoint.after(op):
            back = tb.convert(_limited(result, info.dtype), info)
        for user, index in users:
            user.operands[index] = back
    return bool(narrow)


def _limited(wide: ir.Value, dtype: str) -> ir.Value:
    """f32 without what ``dtype`` has neither numbers nor infinities for."""
    if dtype not in _LARGEST:
        return wide
    most = _LARGEST[dtype]
    return tb.build("aten.clamp", [wide, tb.constant(-most), tb.constant(most)], wide.type)


def _is_narrow(value: ir.Value) -> bool:
    info = tb.tensor_info(value)
    return info is not None and info.dtype in _NARROW
