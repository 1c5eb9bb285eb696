"""split-reductions: a long reduction to few results as two, the first one with work for a whole chip."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.rows.combiners import KINDS, neutral
from stepwell.passes.tensor.build import copy_operation, empty, sizes_of
from stepwell.passes.tensor.structured import Loop, input_count, loops_of
from stepwell.support.walk import named


@dataclass
class SplitReductions(Pass):
    """Rewrite reductions by one associative operation as one over parts, and one over the parts' results.

    Options:
        least: the fewest terms of a result that are worth a second operation.
        results: how many results the first of both operations gets at most.
    """

    name: ClassVar[str] = "split-reductions"
    summary: ClassVar[str] = "long reductions to few results in two steps"

    least: int = 262144
    results: int = 16384

    def run(self, op: ir.Operation, context: PassContext) -> None:
        split = 0
        for generic in named(op, "linalg.generic"):
            found = self._parts(generic)
            if found is not None:
                with ir.InsertionPoint(generic), generic.location:
                    total = _split(generic, *found)
                generic.results[0].replace_all_uses_with(total)
                generic.erase()
                split += 1
        context.note(self.name, split=split)

    def _parts(self, op: ir.Operation) -> tuple[int, int] | None:
        """The loop to cut and into how many parts; None where nothing is to do or can be done."""
        if len(op.results) != 1 or not isinstance(op.results[0].type, ir.RankedTensorType) or _combiner(op) is None:
            return None
        loops = loops_of(op)
        if any(loop.size is None for loop in loops) or not _is_plain(op):
            return None
        count, terms = (_product(loops, parallel) for parallel in (True, False))
        if terms < self.least or count >= self.results:
            return None
        for position, loop in enumerate(loops):
            if not loop.parallel and loop.size != 1:
                parts = _divisor(loop.size or 1, -(-self.results // count), terms)
                return (position, parts) if parts > 1 else None
        return None


def _product(loops: list[Loop], parallel: bool) -> int:
    return prod(loop.size or 1 for loop in loops if loop.parallel == parallel)


def _divisor(size: int, wanted: int, terms: int) -> int:
    """The divisor of ``size`` next to ``wanted``, or to what leaves each part as many terms as there are parts."""
    most = min(wanted, int(terms**0.5))
    return max(parts for parts in range(1, min(size, most) + 1) if size % parts == 0)


def _is_plain(op: ir.Operation) -> bool:
    """Whether every axis is walked by one loop or stands still, and the body asks for no loop's number."""
    expressions = [e for attribute in op.attributes["indexing_maps"] for e in attribute.value.results]
    plain = all(isinstance(e, (ir.AffineDimExpr, ir.AffineConstantExpr)) for e in expressions)
    return plain and all(view.operation.name != "linalg.index" for view in op.regions[0].blocks[0].operations)


def _combiner(op: ir.Operation) -> ir.Operation | None:
    """The operation of the body that joins a term with what there was, if that is all it is used for."""
    block = op.regions[0].blocks[0]
    held = block.arguments[input_count(op)]
    uses = [use.owner.operation for use in held.uses]
    final = list(block.operations)[-1].operation.operands[0]
    known = len(uses) == 1 and uses[0].name in KINDS and uses[0].results[0] == final
    return uses[0] if known and not all(loop.parallel for loop in loops_of(op)) else None


def _split(op: ir.Operation, loop: int, parts: int) -> ir.Value:
    """The operation with ``loop`` cut into ``parts``, whose results a second one joins."""
    maps = [attribute.value for attribute in op.attributes["indexing_maps"]]
    kinds = list(op.attributes["iterator_types"])
    *inputs, start = op.operands
    combiner = _combiner(op)
    assert combiner is not None
    cut = [_cut(value, map_, loop, parts) for value, map_ in zip(inputs, maps, strict=False)]
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    reduction = ir.Attribute.parse("#linalg.iterator_type<reduction>")
    first = _generic(
        op,
        [value for value, _ in cut],
        _neutral_parts(start, parts, combiner),
        [*(map_ for _, map_ in cut), _shifted(maps[-1], ir.AffineExpr.get_dim(0))],
        [parallel, *kinds],
    )
    rank = ir.RankedTensorType(start.type).rank
    whole = ir.AffineMap.get_identity(rank + 1)
    kept = ir.AffineMap.get(rank + 1, 0, [ir.AffineExpr.get_dim(dim + 1) for dim in range(rank)])
    kind = ir.RankedTensorType(start.type).element_type
    maps_ = ir.ArrayAttr.get([ir.AffineMapAttr.get(whole), ir.AffineMapAttr.get(kept)])
    second = linalg.GenericOp([start.type], [first], [start], maps_, ir.ArrayAttr.get([reduction, *[parallel] * rank]))
    block = second.regions[0].blocks.append(kind, kind)
    with ir.InsertionPoint(block):
        joined = ir.Operation.create(combiner.name, [kind], list(block.arguments))
        linalg.YieldOp([joined.results[0]])
    result: ir.Value = second.results[0]
    return result


def _generic(
    op: ir.Operation, inputs: list[ir.Value], start: ir.Value, maps: list[ir.AffineMap], kinds: list[ir.Attribute]
) -> ir.Value:
    """An operation with the body of ``op``."""
    attributes = ir.ArrayAttr.get([ir.AffineMapAttr.get(map_) for map_ in maps])
    made = linalg.GenericOp([start.type], inputs, [start], attributes, ir.ArrayAttr.get(kinds))
    old = op.regions[0].blocks[0]
    block = made.regions[0].blocks.append(*[argument.type for argument in old.arguments])
    known: dict[ir.Value, ir.Value] = dict(zip(old.arguments, block.arguments, strict=True))
    with ir.InsertionPoint(block):
        for view in old.operations:
            copy_operation(view.operation, known)
    result: ir.Value = made.results[0]
    return result


def _neutral_parts(start: ir.Value, parts: int, combiner: ir.Operation) -> ir.Value:
    kind = ir.RankedTensorType(start.type).element_type
    nothing = ir.Operation.create("arith.constant", [kind], attributes={"value": neutral(combiner.name, kind)})
    filled: ir.Value = linalg.fill(nothing.results[0], outs=[empty([parts, *sizes_of(start)], kind)])
    return filled


def _cut(value: ir.Value, map_: ir.AffineMap, loop: int, parts: int) -> tuple[ir.Value, ir.AffineMap]:
    """An operand with the axis that ``loop`` walks cut in two, and how the new loops, the parts first, walk it."""
    axes = [axis for axis, e in enumerate(map_.results) if isinstance(e, ir.AffineDimExpr) and e.position == loop]
    if not axes:
        return value, _shifted(map_)
    kind = ir.RankedTensorType(value.type)
    groups: list[list[int]] = []
    shape: list[int] = []
    for axis, size in enumerate(kind.shape):
        first = len(shape)
        shape += [parts, size // parts] if axis in axes else [size]
        groups.append(list(range(first, len(shape))))
    made = ir.RankedTensorType.get(shape, kind.element_type)
    results = []
    for axis, expr in enumerate(_shifted(map_).results):
        results += [ir.AffineExpr.get_dim(0), expr] if axis in axes else [expr]
    return tensor.expand_shape(made, value, groups, [], shape), ir.AffineMap.get(map_.n_dims + 1, 0, results)


def _shifted(map_: ir.AffineMap, *before: ir.AffineExpr) -> ir.AffineMap:
    """The map with one more loop in front of all others, and results ``before`` its own."""
    dims = [ir.AffineExpr.get_dim(e.position + 1) if isinstance(e, ir.AffineDimExpr) else e for e in map_.results]
    return ir.AffineMap.get(map_.n_dims + 1, 0, [*before, *dims])
