"""expand-copy: copies of strided buffers become loops, so that no runtime symbol is needed for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.base import Pass, PassContext
from stepwell.support.walk import named


@dataclass
class ExpandCopy(Pass):
    """Turn ``memref.copy`` of a non-contiguous buffer into ``linalg.copy``; contiguous ones stay (a ``memcpy``).

    Attributes:
        contiguous: these, too.
    """

    name: ClassVar[str] = "expand-copy"
    summary: ClassVar[str] = "turn copies of strided buffers into loops"

    contiguous: bool = False

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [
            candidate
            for candidate in named(op, "memref.copy")
            if self.contiguous or not all(_is_contiguous(v.type) for v in candidate.operands)
        ]
        for copy in found:
            source, target = copy.operands
            with ir.InsertionPoint(copy), copy.location:
                linalg.copy(source, outs=[target])
            copy.erase()


def _is_contiguous(kind: ir.Type) -> bool:
    return isinstance(kind, ir.MemRefType) and kind.layout == ir.AffineMapAttr.get(ir.AffineMap.get_identity(kind.rank))
