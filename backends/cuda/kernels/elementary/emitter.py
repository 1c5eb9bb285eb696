"""The emitter of elementary functions as GPUs have them: special instructions beside arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.passes.buffer.math.emitter import Emitter


class GpuEmitter(Emitter):
    """Operations on f32 or f64 values, or vectors of them."""

    def __init__(self, kind: ir.Type) -> None:
        super().__init__(kind, fma=True)

    def div(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The quotient, of f32 to 2 units in the last place."""
        if self.width != 32:
            return super().div(a, b)
        return self.special("div.full.f32 $0, $1, $2;", a, b)

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        return intrinsic("llvm.fma", a, b, c)

    def floor(self, a: ir.Value) -> ir.Value:
        return intrinsic("llvm.floor", a)

    def abs(self, a: ir.Value) -> ir.Value:
        return intrinsic("llvm.fabs", a)

    def copysign(self, magnitude: ir.Value, sign: ir.Value) -> ir.Value:
        return intrinsic("llvm.copysign", magnitude, sign)

    def at_most(self, x: ir.Value, limit: float) -> ir.Value:
        return arith.minimumf(x, self.real(limit))

    def at_least(self, x: ir.Value, limit: float) -> ir.Value:
        return arith.maximumf(x, self.real(limit))

    def special(self, text: str, *operands: ir.Value) -> ir.Value:
        """An instruction on f32, given as PTX, for each lane."""
        constraints = ",".join(["=f", *["f"] * len(operands)])
        return by_lane(lambda values: isa.ptx(text, constraints, values, result=self.element), operands, self.kind)


def intrinsic(name: str, *operands: ir.Value) -> ir.Value:
    """A function of LLVM that is an instruction here; its operations in the dialect would become calls of a library."""
    return llvm.call_intrinsic(operands[0].type, name, operands, [], [])


def by_lane(build: Callable[[Sequence[ir.Value]], ir.Value], operands: Sequence[ir.Value], kind: ir.Type) -> ir.Value:
    """A value of ``kind`` whose lanes are built from the lanes of ``operands``."""
    if not isinstance(kind, ir.VectorType):
        return build(operands)
    return from_lanes(
        [
            build(
                [lane(operand, number) if isinstance(operand.type, ir.VectorType) else operand for operand in operands]
            )
            for number in range(ir.VectorType(kind).shape[0])
        ]
    )


def from_lanes(values: Sequence[ir.Value]) -> ir.Value:
    """The vector of these lanes; one alone is none."""
    if len(values) == 1:
        return values[0]
    kind = values[0].type
    made = llvm.mlir_undef(ir.VectorType.get([len(values)], _stored(kind)))
    for number, value in enumerate(values):
        made = llvm.insertelement(made, _as(_stored(kind), value), _lane(number))
    return _as(ir.VectorType.get([len(values)], kind), made)


def lane(value: ir.Value, number: int) -> ir.Value:
    """One lane of a vector."""
    vector = ir.VectorType(value.type)
    stored = _as(ir.VectorType.get(vector.shape, _stored(vector.element_type)), value)
    return _as(vector.element_type, llvm.extractelement(stored, _lane(number)))


def _stored(element: ir.Type) -> ir.Type:
    """What LLVM has in a vector: bytes for floats of 8 bits."""
    narrow = isinstance(element, ir.FloatType) and element.width == 8
    return ir.IntegerType.get_signless(8) if narrow else element


def _as(kind: ir.Type, value: ir.Value) -> ir.Value:
    return value if value.type == kind else arith.bitcast(kind, value)


def _lane(number: int) -> ir.Value:
    i32 = ir.IntegerType.get_signless(32)
    return arith.ConstantOp(i32, ir.IntegerAttr.get(i32, number)).result
