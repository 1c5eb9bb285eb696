"""fuse-attention: two products and the softmax between them, a block of rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.types import element_bytes
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.tensor.attention.attend import RowRange, attend, beneath_fill
from stepwell.passes.tensor.attention.cone import Cone, find_cone
from stepwell.passes.tensor.attention.softmax import match_softmax
from stepwell.passes.tensor.attention.sources import find_sources
from stepwell.passes.tensor.build import size_of
from stepwell.passes.tensor.structured import loops_of, structured_ops

#: What a dynamic number of keys is taken for.
_TYPICAL = 1024
#: Rows of a block where their number is dynamic: whole tiles of a product for most CPUs.
_ROWS = 48
#: Blocks that keep some threads busy to the end.
_BLOCKS = 8
#: Rows that make a block worth its while.
_FEW = 16


@dataclass
class FuseAttention(Pass):
    """Compute attention for a block of queries at a time, so that no matrix of scores is stored.

    A product whose left operand depends on another product by way of a softmax becomes an ``scf.forall`` over batch,
    heads and blocks of rows with the whole chain on a block inside. A row's quotient is taken behind the last
    product, once for each element of the result.

    Options:
        scratch: the most bytes of the scores of one block, about a quarter of the second-level cache.
    """

    name: ClassVar[str] = "fuse-attention"
    summary: ClassVar[str] = "attention in blocks of queries, without the matrix of scores"

    scratch: int = 131072

    def run(self, op: ir.Operation, context: PassContext) -> None:
        fused = 0
        for candidate in structured_ops(op):
            cone = find_cone(candidate)
            if cone is not None:
                self._fuse(cone)
                fused += 1
        for text in ("cse", "convert-elementwise-to-linalg", "canonicalize", "cse") if fused else ():
            run_element(parse_element(text), op, context)
        context.note(self.name, attentions=fused)

    def _fuse(self, cone: Cone) -> None:
        final = cone.final
        softmax = match_softmax(cone)
        with ir.InsertionPoint(final), final.location:
            result = beneath_fill(final.operands[2])
            sources = find_sources(cone)
            for rows in self._ranges(cone, result):
                result = attend(cone, sources, softmax, result, rows)
        final.results[0].replace_all_uses_with(result)
        for done in [final, *reversed(cone.members)]:
            if not any(True for _ in done.results[0].uses):
                done.erase()

    def _ranges(self, cone: Cone, out: ir.Value) -> list[RowRange]:
        """The rows in blocks of the same size, and what is left of a static number as a block of its own."""
        loops = loops_of(cone.final)
        if cone.rows is None:
            return [RowRange(0, 1, 1)]
        keys = prod(loop.size or _TYPICAL for loop in loops if not loop.parallel)
        most = max(1, self.scratch // (keys * element_bytes(ir.RankedTensorType(out.type).element_type)))
        size = loops[cone.rows].size
        if size is None:
            return [RowRange(0, min(most, _ROWS), size_of(out, cone.axis(cone.rows)))]
        others = prod(loops[dim].size or 1 for dim in cone.loops)
        wanted = min(-(-_BLOCKS // others), -(-size // _FEW)) if others else 1
        count = -(-size // max(-(-size // most), wanted))
        whole = size - size % count
        return [RowRange(0, count, whole)] + ([RowRange(whole, size - whole, size)] if whole < size else [])
