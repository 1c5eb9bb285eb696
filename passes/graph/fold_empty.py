"""fold-empty: tensors without elements as constants; upstream divides by their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.torch_build import tensor_info
from stepwell.passes.graph.unused import erase_unused
from stepwell.support.walk import operations

_COMPUTED = ("torch.aten.", "torch.prims.")
_OF_ROWS = frozenset(
    f"torch.aten.{name}" for name in ("_softmax", "softmax.int", "_log_softmax", "log_softmax.int", "_safe_softmax")
)
"""What keeps the sizes of its operand; upstream looks for the largest element of each row, even where there is none."""


@dataclass
class FoldEmpty(Pass):
    """Replace every result that has no elements, whatever its sizes may be, by a constant.

    Nothing that runs is lost, and operators that upstream lowers wrongly for such sizes are gone. An operator goes
    only where all of its results have no elements and known sizes; a softmax also where other sizes vary.
    """

    name: ClassVar[str] = "fold-empty"
    summary: ClassVar[str] = "replace tensors without elements by constants"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for inner in operations(op):
            if not inner.name.startswith(_COMPUTED) or not len(inner.results):
                continue
            if (
                inner.name in _OF_ROWS
                and _is_empty(inner.results[0])
                and inner.operands[0].type == inner.results[0].type
            ):
                inner.results[0].replace_all_uses_with(inner.operands[0])
                continue
            kinds = [_empty_type(result) for result in inner.results]
            if None in kinds:
                continue
            with ir.InsertionPoint(inner), inner.location:
                for result, kind in zip(inner.results, kinds, strict=True):
                    result.replace_all_uses_with(_constant(result.type, kind))
        erase_unused(op)


def _is_empty(value: ir.Value) -> bool:
    info = tensor_info(value)
    return info is not None and 0 in info.shape


def _empty_type(value: ir.Value) -> str | None:
    """The builtin tensor type of what has no elements."""
    info = tensor_info(value)
    if info is None or not info.is_static() or 0 not in info.shape or info.dtype.startswith("complex"):
        return None
    return f"tensor<{'x'.join(map(str, info.shape))}x{info.dtype}>"


def _constant(result: ir.Type, kind: str | None) -> ir.Value:
    made = ir.Operation.create(
        "torch.vtensor.literal", results=[result], attributes={"value": ir.Attribute.parse(f"dense<> : {kind}")}
    )
    return made.result
