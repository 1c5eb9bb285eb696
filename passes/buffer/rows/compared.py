"""Maxima and minima of floats along a row by comparisons, where the processor has no maximum that keeps NaN."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch_mlir import ir
from torch_mlir.dialects import arith, vector
from torch_mlir.dialects import math as math_ops

from stepwell.passes.buffer.rows.combiners import by_pairs, neutral
from stepwell.passes.buffer.rows.emit import RowEmitter


def is_compared(combiner: ir.Operation) -> bool:
    """Whether a reduction by ``combiner`` can be had by comparisons."""
    names = ("arith.maximumf", "arith.minimumf")
    return combiner.name in names and isinstance(combiner.results[0].type, (ir.F32Type, ir.F64Type))


class ComparedEmitter(RowEmitter):
    """Emits a reduction by ``arith.maximumf`` or ``minimumf`` of f32 or f64.

    Carried are vectors of the best so far, for which no NaN counts and both zeros are equal, and for each two of them
    a vector of bits that has a lane's bits set once it has seen a NaN, and one that joins the signs: a maximum is
    negative if all elements are, a minimum if one is.
    """

    def _total(
        self, others: list[int], at: dict[int, ir.Value], combiner: ir.Operation, span: tuple[ir.Value, ir.Value]
    ) -> ir.Value:
        element = self.row.outputs[0].type.element_type
        kind = ir.VectorType.get([self.lanes], element)
        integer = ir.IntegerType.get_signless(ir.FloatType(element).width)
        bits = ir.VectorType.get([self.lanes], integer)
        largest = combiner.name == "arith.maximumf"
        best = self._splat(kind, neutral(combiner.name, element))
        nothing = self._splat(bits, ir.IntegerAttr.get(integer, 0))
        signs = self._splat(bits, ir.IntegerAttr.get(integer, -1 if largest else 0))
        same_sign = arith.andi if largest else arith.ori

        def better(value: ir.Value, best: ir.Value) -> ir.Value:
            predicate = arith.CmpFPredicate.OGT if largest else arith.CmpFPredicate.OLT
            return arith.select(arith.cmpf(predicate, value, best), value, best)

        def join(values: list[ir.Value], carried: list[ir.Value]) -> list[ir.Value]:
            bests, nans, signs = _split(carried, len(values))
            bests = [better(value, best) for value, best in zip(values, bests, strict=True)]
            for pair in range(len(nans)):
                both = values[2 * pair : 2 * pair + 2]
                nan = arith.cmpf(arith.CmpFPredicate.UNO, both[0], both[-1])
                nans[pair] = arith.ori(nans[pair], arith.extsi(bits, nan))
                for value in both:
                    signs[pair] = same_sign(signs[pair], arith.bitcast(bits, value))
            return [*bests, *nans, *signs]

        width, pairs = self.unroll, -(-self.unroll // 2)
        carried = [best] * width + [nothing] * pairs + [signs] * pairs
        bests, nans, signs = _split(
            self._reduce(others, at, combiner, span, carried, join, (0, width, width + pairs)), width
        )
        value = _lanes(by_pairs(bests, better), better)
        nan = vector.reduction(integer, ir.Attribute.parse("#vector.kind<or>"), by_pairs(nans, arith.ori))
        kind = ir.Attribute.parse(f"#vector.kind<{'and' if largest else 'or'}>")
        sign = vector.reduction(integer, kind, by_pairs(signs, same_sign))
        value = math_ops.copysign(value, arith.bitcast(element, sign))
        no_nan = arith.cmpi(arith.CmpIPredicate.eq, nan, arith.constant(integer, 0))
        return arith.select(no_nan, value, arith.constant(element, math.nan))


def _split(carried: list[ir.Value], width: int) -> tuple[list[ir.Value], list[ir.Value], list[ir.Value]]:
    """The best, the NaN and the signs of ``width`` vectors."""
    pairs = -(-width // 2)
    return carried[:width], carried[width : width + pairs], carried[width + pairs :]


def _lanes(value: ir.Value, join: Callable[[ir.Value, ir.Value], ir.Value]) -> ir.Value:
    """The lanes of a vector joined by halves."""
    lanes = ir.VectorType(value.type).shape[0]
    while lanes > 1:
        lanes //= 2
        halves = [
            vector.ExtractStridedSliceOp(
                ir.VectorType.get([lanes], ir.VectorType(value.type).element_type), value, [first], [lanes], [1]
            ).result
            for first in (0, lanes)
        ]
        value = join(*halves)
    return vector.extract(value, [], [0])
