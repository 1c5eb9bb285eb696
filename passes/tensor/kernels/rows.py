"""Which rows a structured operation walks, and whether two operations can walk them together."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.tensor.structured import is_structured, loops_of
from stepwell.support.walk import inside


@dataclass(frozen=True)
class Rows:
    """The loops of an operation without those of one iteration.

    Attributes:
        sizes: of all loops, None where not static.
        reduced: how many of the last ones are reduced, None where nothing is; loops in front of others count as rows of
            no kind that others join.
    """

    sizes: tuple[int | None, ...]
    reduced: int | None


def rows_of(op: ir.Operation) -> Rows | None:
    """What ``op`` walks; None where elements lie at places that are no plain loops, or are looked up."""
    if op.name != "linalg.generic" or not is_structured(op) or any(map(_is_foreign, inside(op))):
        return None
    maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op)]
    if not all(_is_plain(expression) for map_ in maps for expression in map_.results):
        return None
    if any(not isinstance(result.type, ir.RankedTensorType) for result in op.results) or not op.results:
        return None
    results = [[e.position for e in m.results if isinstance(e, ir.AffineDimExpr)] for m in maps[-len(op.results) :]]
    if any(found != sorted(found) for found in results):
        return None
    kept = [loop for loop in loops_of(op) if loop.size != 1]
    reduced = [not loop.parallel for loop in kept]
    if not any(reduced):
        return Rows(tuple(loop.size for loop in kept), None)
    behind = sum(reduced)
    in_front: bool = reduced != sorted(reduced)
    return Rows(tuple(loop.size for loop in kept), -1 if in_front else behind)


def joined(first: Rows, second: Rows) -> Rows | None:
    """The rows of both, where they are the same."""
    if first.sizes != second.sizes or -1 in (first.reduced, second.reduced):
        return None
    if first.reduced is not None and second.reduced is not None and first.reduced != second.reduced:
        return None
    return Rows(first.sizes, first.reduced if first.reduced is not None else second.reduced)


def _is_foreign(op: ir.Operation) -> bool:
    return bool(op.name.startswith(("tensor.", "scf.", "cf.")))


def _is_plain(expression: ir.AffineExpr) -> bool:
    if isinstance(expression, ir.AffineDimExpr):
        return True
    return isinstance(expression, ir.AffineConstantExpr) and bool(expression.value == 0)
