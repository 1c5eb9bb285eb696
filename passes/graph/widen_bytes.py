"""widen-bytes: arithmetic on 8-bit integers in 32 bits, as torch-mlir takes every integer for a signed one."""

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

_BYTES = frozenset({"ui8", "si8"})
_CONVERT = "torch.prims.convert_element_type"

_ORDERED_BOOLS = frozenset({"clamp", "clamp_max", "clamp_min", "cummax", "cummin", "msort", "sort", "topk"})
# Their last operand is the dtype to compute in.
_ACCUMULATE = frozenset({"cumprod", "cumsum", "prod", "sum"})


@dataclass
class WidenBytes(Pass):
    """Convert the 8-bit operands of arithmetic operators to 32 bits and their results back.

    Narrowing wraps as PyTorch's bytes do. Operators that only move elements stay; so do quantised ones. Conversions
    of floating-point numbers to bytes go through 32 bits too, and booleans are ordered as integers.
    """

    name: ClassVar[str] = "widen-bytes"
    summary: ClassVar[str] = "compute with 8-bit integers in 32 bits"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for inner in _operators(op):
            with ir.InsertionPoint(inner), inner.location:
                _rewrite(inner)
        erase_unused(op)


def _operators(root: ir.Operation) -> list[ir.Operation]:
    others = (_CONVERT, "torch.operator")
    return [op for op in operations(root) if op.name.startswith("torch.aten.") or op.name in others]


def _rewrite(op: ir.Operation) -> None:
    full_name = str(ir.StringAttr(op.attributes["name"]).value) if op.name == "torch.operator" else str(op.name)
    operator = full_name.removeprefix("torch.aten.").partition(".")[0]
    operands, results = ([tb.tensor_info(value) for value in values] for values in (op.operands, op.results))
    made = {info.dtype for info in results if info is not None}
    taken = {info.dtype for info in operands if info is not None}
    if full_name == _CONVERT or operator in ("_to_copy", "to"):
        if made & _BYTES and operands[0] is not None and operands[0].is_float():
            op.operands[0] = tb.convert(op.operands[0], TensorInfo(operands[0].shape, "si32"))
    elif not full_name.startswith("torch.aten.") or operator in MOVES or full_name == "torch.aten.view.dtype":
        return
    elif operator == "arange" and made & _BYTES:
        op.operands[len(op.operands) - 4] = tb.constant(tb.NUMBERS["si32"])
        _narrow_results(op, "si32")
    elif taken & _BYTES:
        _widen(op, operator, operands, made, "si32")
    elif "i1" in taken and operator in _ORDERED_BOOLS:
        _widen(op, operator, operands, made, "si64")


def _widen(op: ir.Operation, operator: str, operands: list[TensorInfo | None], made: set[str], wide: str) -> None:
    for index, info in enumerate(operands):
        if info is not None and (info.dtype in _BYTES or (wide == "si64" and info.dtype == "i1")):
            op.operands[index] = tb.convert(op.operands[index], TensorInfo(info.shape, wide))
    if operator in _ACCUMULATE and made & _BYTES:
        op.operands[len(op.operands) - 1] = tb.constant(tb.NUMBERS[wide])
    _narrow_results(op, wide)


def _narrow_results(op: ir.Operation, wide: str) -> None:
    """Let ``op`` give ``wide`` where it gave a narrower integer, and convert back behind it."""
    narrow = _BYTES | {"si16"} | ({"i1"} if wide == "si64" else set())
    for result in op.results:
        info = tb.tensor_info(result)
        if info is None or info.dtype not in narrow:
            continue
        result.set_type(TensorInfo(info.shape, wide).type())
        with ir.InsertionPoint.after(op):
            back = tb.convert(result, info)
        result.replace_all_uses_except(back, back.owner.operation)
