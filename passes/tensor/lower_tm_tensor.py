"""lower-tm-tensor: scan, scatter, sort, topk and attention in terms of loops and linalg."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.tm_tensor import Operation, read_operation
from stepwell.passes.tensor.tm_tensor.attention import lower_attention
from stepwell.passes.tensor.tm_tensor.scan import lower_scan
from stepwell.passes.tensor.tm_tensor.scatter import lower_scatter
from stepwell.passes.tensor.tm_tensor.sort import lower_sort
from stepwell.passes.tensor.tm_tensor.topk import lower_topk
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.walk import operations

_LOWERINGS: dict[str, Callable[[Operation], list[ir.Value]]] = {
    "tm_tensor.attention": lower_attention,
    "tm_tensor.sort": lower_sort,
    "tm_tensor.topk": lower_topk,
}


@dataclass
class LowerTmTensor(Pass):
    """Replace the operations of torch-mlir's ``tm_tensor`` dialect, which nothing below the tensor level knows.

    Options:
        check_bounds: assert at run time that what a scatter writes lies inside its result.
        rows: scan row by row, for processors that have few threads; else step by step through all rows at once.
    """

    name: ClassVar[str] = "lower-tm-tensor"
    summary: ClassVar[str] = "lower scan, scatter, sort, topk and attention to loops and linalg"

    check_bounds: bool = True
    rows: bool = False

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [
            inner for inner in operations(op) if inner.name.startswith("tm_tensor.") and inner.name != "tm_tensor.yield"
        ]
        for inner in found:
            with ir.InsertionPoint(inner), inner.location:
                results = self._lower(inner)
            for old, new in zip(inner.results, results, strict=True):
                old.replace_all_uses_with(new)
            inner.erase()

    def _lower(self, op: ir.Operation) -> list[ir.Value]:
        if op.name != "tm_tensor.attention" and any(_is_empty(operand) for operand in op.operands):
            return read_operation(op).outputs
        if op.name == "tm_tensor.scatter":
            return lower_scatter(read_operation(op), check_bounds=self.check_bounds)
        if op.name == "tm_tensor.scan":
            return lower_scan(read_operation(op), rows=self.rows)
        if op.name not in _LOWERINGS:
            raise PassError(
                f"there is no lowering for '{op.name}'",
                where=describe_location(op.location),
                hint=f"known are {', '.join(sorted([*_LOWERINGS, 'tm_tensor.scan', 'tm_tensor.scatter']))}",
            )
        return _LOWERINGS[op.name](read_operation(op))


def _is_empty(value: ir.Value) -> bool:
    """Whether ``value`` is known to hold no element, so that there is nothing to scan, sort or write."""
    return any(size == 0 for size in ir.RankedTensorType(value.type).shape)
