"""fuse-attention: two products and the softmax between them, a block of rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.types import element_bytes
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.tensor.attention.attend import Growing, RowRange, attend, beneath_fill
from stepwell.passes.tensor.attention.cone import Cone, find_cone, maps_of
from stepwell.passes.tensor.attention.keys import closed_after, label_keys
from stepwell.passes.tensor.attention.online import find_running
from stepwell.passes.tensor.attention.softmax import match_softmax
from stepwell.passes.tensor.attention.sources import find_sources
from stepwell.passes.tensor.build import Size, size_of
from stepwell.passes.tensor.structured import loops_of, structured_ops

#: What a dynamic number of keys is taken for.
_TYPICAL = 1024
#: Rows of a block where their number is dynamic: whole tiles of a product for most CPUs.
_ROWS = 48
#: The same where keys are cut, and scores stay few.
_ROWS_CUT = 96
#: Blocks that keep some threads busy to the end.
_BLOCKS = 8
#: Rows that make a block worth its while.
_FEW = 16
#: Rows that a key and a value are worth reading for, even if the scores leave the first-level cache.
_REUSE = 64
#: The same where keys are cut: those of one block are in the cache for all rows of it.
_REUSE_CUT = 128
#: Parts of the rows that see keys up to their own number.
_PARTS = 4


@dataclass
class FuseAttention(Pass):
    """Compute attention for a block of queries at a time, so that no matrix of scores is stored.

    A product whose left operand depends on another product by way of a softmax becomes an ``scf.forall`` over batch,
    heads and blocks of rows with the whole chain on a block inside. A row's quotient is taken behind the last
    product, once for each element of the result.

    Options:
        near: the most bytes of the scores of a block that has many rows, about the first-level cache.
        scratch: the most bytes of the scores of any block, about the second-level cache.
        keys: how many keys a block of rows meets at a time, 0 for all of them.
        many: the least static number of keys for that.
    """

    name: ClassVar[str] = "fuse-attention"
    summary: ClassVar[str] = "attention in blocks of queries, without the matrix of scores"

    near: int = 32768
    scratch: int = 524288
    keys: int = 512
    many: int = 2048

    def run(self, op: ir.Operation, context: PassContext) -> None:
        fused = 0
        for candidate in structured_ops(op):
            cone = find_cone(candidate)
            if cone is not None and all(loop.size != 0 for loop in loops_of(cone.final)):
                label_keys(cone)
                self._fuse(cone)
                fused += 1
        for text in ("cse", "convert-elementwise-to-linalg", "canonicalize", "cse") if fused else ():
            run_element(parse_element(text), op, context)
        context.note(self.name, attentions=fused)

    def _fuse(self, cone: Cone) -> None:
        final = cone.final
        softmax = match_softmax(cone)
        more = closed_after(cone, softmax) if softmax is not None else None
        with ir.InsertionPoint(final), final.location:
            running = find_running(cone, softmax)
            result = beneath_fill(final.operands[2])
            sources = find_sources(cone)
            cut = self._cut(cone, more) if running is not None else 0
            for rows in self._ranges(cone, result, more, cut):
                result = attend(cone, sources, softmax, running, result, rows)
        final.results[0].replace_all_uses_with(result)
        for done in [final, *reversed(cone.members)]:
            if not any(True for _ in done.results[0].uses):
                done.erase()

    def _ranges(self, cone: Cone, out: ir.Value, more: int | None, cut: int) -> list[RowRange]:
        """The rows in blocks of the same size, and what is left of a static number as a block of its own.

        Where a row sees the keys up to its own number plus ``more``, blocks compute no others; static numbers of rows
        are cut into a few parts of which each sees as many keys as its last row, so that all sizes stay static. Where
        keys are cut too, sizes are static without.
        """
        if cone.rows is None:
            return [RowRange(0, 1, 1)]
        size, count = loops_of(cone.final)[cone.rows].size, self._count(cone, out, cut)
        total = _keys(cone) if cut or more is not None else 0
        growing = Growing(total, more) if more is not None else None
        if size is None:
            return [RowRange(0, count, size_of(out, cone.axis(cone.rows)), growing, cut, total)]
        if cut:
            ends = sorted({size - size % count, size} - {0})
            return [
                RowRange(first, min(count, end - first), end, growing, cut, total)
                for first, end in pairwise([0, *ends])
            ]
        if growing is None or not isinstance(growing.total, int):
            ends = [size - size % count, size]
        else:
            count = min(count, max(_FEW, -(-size // _PARTS)))
            part = -(-size // count // _PARTS) * count
            ends = [*range(part, size - size % count, part), size - size % count, size]
        ranges, first = [], 0
        for end in ends:
            if end > first:
                seen = growing.seen(0, end) if growing is not None and isinstance(growing.total, int) else None
                keys = seen if isinstance(seen, int) else growing
                ranges.append(RowRange(first, min(count, end - first), end, keys))
                first = end
        return ranges

    def _cut(self, cone: Cone, more: int | None) -> int:
        """How many keys are met at a time, 0 for all."""
        assert cone.rows is not None
        loops = loops_of(cone.final)
        keys, rows = loops[cone.keys[cone.final.results[0]]].size, loops[cone.rows].size
        if (rows is not None and rows < _FEW) or (keys is not None and keys < max(self.many, self.keys)):
            return 0
        # Of the last keys that a row sees half a block is computed for nothing.
        return self.keys // 2 if more is not None else self.keys

    def _count(self, cone: Cone, out: ir.Value, cut: int) -> int:
        """How many rows a block has."""
        assert cone.rows is not None
        loops = loops_of(cone.final)
        keys = cut or prod(loop.size or _TYPICAL for loop in loops if not loop.parallel)
        row = keys * element_bytes(ir.RankedTensorType(out.type).element_type)
        most = max(1, self.near // row, min(_REUSE_CUT if cut else _REUSE, self.scratch // row))
        size = loops[cone.rows].size
        if size is None:
            return min(most, _ROWS_CUT if cut else _ROWS)
        others = prod(loops[dim].size or 1 for dim in cone.loops)
        wanted = min(-(-_BLOCKS // others), -(-size // _FEW)) if others else 1
        return -(-size // max(-(-size // most), wanted))


def _keys(cone: Cone) -> Size:
    """How many keys there are."""
    dim = cone.keys[cone.final.results[0]]
    values = cone.final.operands[cone.values]
    size = loops_of(cone.final)[dim].size
    axes = list(maps_of(cone.final)[cone.values].results)
    return size if size is not None else size_of(values, axes.index(ir.AffineDimExpr.get(dim)))
