"""``tm_tensor.attention``: softmax(scale q kᵀ + mask) v."""

from __future__ import annotations

import math as _math
from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, math

from stepwell.passes.tensor.build import Size, empty, index, scalar, size_of, sizes_of
from stepwell.passes.tensor.tm_tensor import Operation
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location

_Body = Callable[[Sequence[ir.Value]], ir.Value]


def lower_attention(attention: Operation) -> list[ir.Value]:
    """Scores, a row-wise softmax, and the weighted sum, as ``linalg.generic``; formats below 32 bits compute in f32.

    q is [..., s, d], k is [..., t, d], v is [..., t, e]. A mask is [..., s, t]:
    floats are added, booleans keep where true. A row that is masked everywhere gives zeros, as in PyTorch.
    """
    query, key, value, *masks = attention.inputs
    type_ = ir.RankedTensorType(query.type)
    if not isinstance(type_.element_type, ir.FloatType):
        raise PassError(
            f"attention on {type_.element_type} elements is not defined", where=describe_location(attention.op.location)
        )
    wide = type_.element_type if type_.element_type.width >= 32 else ir.F32Type.get()
    batch = type_.rank - 2
    dims = _Dims(batch)
    sizes = sizes_of(query)
    scores_sizes: list[Size] = [*sizes[:-1], size_of(key, batch)]
    scale = _scale(attention, query, wide)

    def dot(args: Sequence[ir.Value]) -> ir.Value:
        left, right, total = args
        return arith.AddFOp(arith.MulFOp(_extend(left, wide), _extend(right, wide)).result, total).result

    raw = _generic(
        [query, key], _fill(scores_sizes, wide, 0.0), [dims.map("b", "s", "r"), dims.map("b", "t", "r")],
        dims.map("b", "s", "t"), dot,
    )  # fmt: skip

    def scaled(args: Sequence[ir.Value]) -> ir.Value:
        score = arith.MulFOp(args[0], scale).result
        if not masks:
            return score
        if isinstance(args[1].type, ir.IntegerType):
            return arith.SelectOp(args[1], score, scalar(wide, -_math.inf)).result
        return arith.AddFOp(score, _extend(args[1], wide)).result

    whole, row = dims.map("b", "s", "t"), dims.map("b", "s")
    mask_maps = [_mask_map(mask, type_.rank) for mask in masks]
    scores = _generic([raw, *masks], empty(scores_sizes, wide), [whole, *mask_maps], whole, scaled, points=True)
    largest = _generic(
        [scores], _fill(scores_sizes[:-1], wide, -_math.inf), [whole], row,
        lambda args: arith.MaximumFOp(args[0], args[1]).result,
    )  # fmt: skip

    def exponential(args: Sequence[ir.Value]) -> ir.Value:
        masked = arith.CmpFOp(arith.CmpFPredicate.OEQ, args[1], scalar(wide, -_math.inf)).result
        shift = arith.SelectOp(masked, scalar(wide, 0.0), args[1]).result
        return math.ExpOp(arith.SubFOp(args[0], shift).result).result

    weights = _generic([scores, largest], empty(scores_sizes, wide), [whole, row], whole, exponential, points=True)
    total = _generic(
        [weights], _fill(scores_sizes[:-1], wide, 0.0), [whole], row,
        lambda args: arith.AddFOp(args[0], args[1]).result,
    )  # fmt: skip
    out_sizes: list[Size] = [*sizes[:-1], size_of(value, batch + 1)]
    summed = _generic(
        [weights, value], _fill(out_sizes, wide, 0.0), [dims.map("b", "s", "r"), dims.map("b", "r", "t")],
        dims.map("b", "s", "t"), dot,
    )  # fmt: skip

    def normalised(args: Sequence[ir.Value]) -> ir.Value:
        none = arith.CmpFOp(arith.CmpFPredicate.OEQ, args[1], scalar(wide, 0.0)).result
        quotient = arith.DivFOp(args[0], args[1]).result
        mean = arith.SelectOp(none, scalar(wide, 0.0), quotient).result
        return mean if wide == type_.element_type else arith.TruncFOp(type_.element_type, mean).result

    return [_generic([summed, total], attention.outputs[0], [whole, row], whole, normalised, points=True)]


class _Dims:
    """Indexing maps over the batch dimensions, then s (rows), t (columns), r (reduced)."""

    def __init__(self, batch: int) -> None:
        self._batch = batch

    def map(self, *parts: str) -> ir.AffineMap:
        position = {"s": self._batch, "t": self._batch + 1, "r": self._batch + 2}
        wanted = [d for part in parts for d in (range(self._batch) if part == "b" else [position[part]])]
        count = max(wanted, default=-1) + 1
        return ir.AffineMap.get(max(count, self._batch + 2), 0, [ir.AffineExpr.get_dim(d) for d in wanted])


def _scale(attention: Operation, query: ir.Value, type_: ir.Type) -> ir.Value:
    """The factor on the scores: the one given, else 1 / sqrt(head size)."""
    if "scale" in attention.op.attributes:
        return scalar(type_, ir.FloatAttr(attention.op.attributes["scale"]).value)
    size = size_of(query, ir.RankedTensorType(query.type).rank - 1)
    if isinstance(size, int):
        return scalar(type_, 1.0 / _math.sqrt(size) if size else 1.0)
    i64 = ir.IntegerType.get_signless(64)
    real = arith.SIToFPOp(type_, arith.IndexCastOp(i64, index(size)).result).result
    return arith.DivFOp(scalar(type_, 1.0), math.SqrtOp(real).result).result


def _mask_map(mask: ir.Value, rank: int) -> ir.AffineMap:
    """A mask covers the last of the ``rank`` dimensions of the scores."""
    first = rank - ir.RankedTensorType(mask.type).rank
    return ir.AffineMap.get(rank, 0, [ir.AffineExpr.get_dim(dim) for dim in range(first, rank)])


def _extend(value: ir.Value, wide: ir.Type) -> ir.Value:
    return value if value.type == wide else arith.ExtFOp(wide, value).result


def _fill(sizes: Sequence[Size], element: ir.Type, value: float) -> ir.Value:
    return linalg.fill(scalar(element, value), outs=[empty(sizes, element)])


def _generic(
    inputs: Sequence[ir.Value],
    out: ir.Value,
    input_maps: Sequence[ir.AffineMap],
    out_map: ir.AffineMap,
    body: _Body,
    *,
    points: bool = False,
) -> ir.Value:
    """A ``linalg.generic`` with one result; ``points``: the body does not look at the old value."""
    count = max(m.n_dims for m in (*input_maps, out_map))
    maps = [ir.AffineMap.get(count, 0, list(m.results)) for m in (*input_maps, out_map)]
    kept = {ir.AffineDimExpr(e).position for e in out_map.results}
    iterators = ["parallel" if d in kept else "reduction" for d in range(count)]
    generic = linalg.GenericOp(
        [out.type],
        list(inputs),
        [out],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in maps]),
        ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{i}>") for i in iterators]),
    )
    kinds = [ir.RankedTensorType(value.type).element_type for value in (*inputs, out)]
    block = generic.regions[0].blocks.append(*kinds, arg_locs=[ir.Location.current] * len(kinds))
    with ir.InsertionPoint(block):
        arguments = list(block.arguments)
        linalg.YieldOp([body(arguments[:-1] if points else arguments)])
    return generic.results[0]
