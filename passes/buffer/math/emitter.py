"""Builds arithmetic on one float type, scalar or vector, at the current insertion point."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, math

_Predicate = arith.CmpFPredicate


class Emitter:
    """Operations on values of ``kind`` (f32, f64 or a vector of one) and on integers of the same width and shape.

    Nothing that it builds carries fast-math flags: the algorithms rely on every rounding.

    Args:
        kind: type of the values.
        fma: whether multiply-add is one instruction; otherwise :meth:`fma` rounds twice.
    """

    def __init__(self, kind: ir.Type, fma: bool) -> None:
        self.kind = kind
        self.element = ir.VectorType(kind).element_type if isinstance(kind, ir.VectorType) else kind
        self.has_fma = fma
        self.width = ir.FloatType(self.element).width
        self.integers = self.like(ir.IntegerType.get_signless(self.width))

    def like(self, element: ir.Type) -> ir.Type:
        """``element`` in the shape of ``kind``."""
        if not isinstance(self.kind, ir.VectorType):
            return element
        vector = ir.VectorType(self.kind)
        return ir.VectorType.get(vector.shape, element, scalable=vector.scalable_dims if vector.scalable else None)

    def real(self, value: float) -> ir.Value:
        """A constant of ``kind``."""
        return self._constant(self.kind, ir.FloatAttr.get(self.element, value))

    def integer(self, value: int) -> ir.Value:
        """A constant of the integers, given by its value or by its bits."""
        signed = value - (1 << self.width) if value >= 1 << (self.width - 1) else value
        return self._constant(self.integers, ir.IntegerAttr.get(ir.IntegerType.get_signless(self.width), signed))

    def _constant(self, kind: ir.Type, scalar: ir.Attribute) -> ir.Value:
        value = ir.DenseElementsAttr.get_splat(kind, scalar) if isinstance(kind, ir.VectorType) else scalar
        return arith.ConstantOp(kind, value).result

    def add(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.AddFOp(a, b).result

    def sub(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.SubFOp(a, b).result

    def mul(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.MulFOp(a, b).result

    def div(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.DivFOp(a, b).result

    def floor(self, a: ir.Value) -> ir.Value:
        return math.FloorOp(a).result

    def abs(self, a: ir.Value) -> ir.Value:
        return math.AbsFOp(a).result

    def copysign(self, magnitude: ir.Value, sign: ir.Value) -> ir.Value:
        return math.CopySignOp(magnitude, sign).result

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """``a * b + c``."""
        return math.FmaOp(a, b, c).result if self.has_fma else self.add(self.mul(a, b), c)

    def polynomial(self, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
        """By Horner's rule, the constant coefficient first."""
        *lower, value = [self.real(c) for c in coefficients]
        for coefficient in reversed(lower):
            value = self.fma(value, x, coefficient)
        return value

    def bits(self, x: ir.Value) -> ir.Value:
        """The float's bits as an integer."""
        return arith.BitcastOp(self.integers, x).result

    def from_bits(self, bits: ir.Value) -> ir.Value:
        return arith.BitcastOp(self.kind, bits).result

    def to_real(self, integer: ir.Value) -> ir.Value:
        return arith.SIToFPOp(self.kind, integer).result

    def iadd(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.AddIOp(a, b).result

    def isub(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.SubIOp(a, b).result

    def iand(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.AndIOp(a, b).result

    def ior(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.OrIOp(a, b).result

    def ixor(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.XOrIOp(a, b).result

    def shl(self, a: ir.Value, count: int) -> ir.Value:
        return arith.ShLIOp(a, self.integer(count)).result

    def shr(self, a: ir.Value, count: int) -> ir.Value:
        """Shift right, zeros from the left."""
        return arith.ShRUIOp(a, self.integer(count)).result

    def sar(self, a: ir.Value, count: int) -> ir.Value:
        """Shift right, the sign from the left."""
        return arith.ShRSIOp(a, self.integer(count)).result

    def less(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.CmpFOp(_Predicate.OLT, a, b).result

    def greater(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.CmpFOp(_Predicate.OGT, a, b).result

    def equal(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.CmpFOp(_Predicate.OEQ, a, b).result

    def differ(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """Neither equal nor NaN."""
        return arith.CmpFOp(_Predicate.ONE, a, b).result

    def unordered(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return arith.CmpFOp(_Predicate.UNO, a, b).result

    def nonzero(self, integer: ir.Value) -> ir.Value:
        return arith.CmpIOp(arith.CmpIPredicate.ne, integer, self.integer(0)).result

    def both(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """Both conditions."""
        return arith.AndIOp(a, b).result

    def either(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """One of the conditions."""
        return arith.OrIOp(a, b).result

    def select(self, condition: ir.Value, true: ir.Value, false: ir.Value) -> ir.Value:
        return arith.SelectOp(condition, true, false).result

    def at_most(self, x: ir.Value, limit: float) -> ir.Value:
        """``min(x, limit)`` that keeps NaN."""
        bound = self.real(limit)
        return self.select(self.greater(x, bound), bound, x)

    def at_least(self, x: ir.Value, limit: float) -> ir.Value:
        """``max(x, limit)`` that keeps NaN."""
        bound = self.real(limit)
        return self.select(self.less(x, bound), bound, x)
