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
    made = llvm.mlir_undef(kind)
    for lane in range(ir.VectorType(kind).shape[0]):
        position = _lane(lane)
        values = [
            llvm.extractelement(operand, position) if isinstance(operand.type, ir.VectorType) else operand
            for operand in operands
        ]
        made = llvm.insertelement(made, build(values), position)
    return made


def lane(value: ir.Value, number: int) -> ir.Value:
    """One lane of a vector."""
    return llvm.extractelement(value, _lane(number))


def _lane(number: int) -> ir.Value:
    i32 = ir.IntegerType.get_signless(32)
    return arith.ConstantOp(i32, ir.IntegerAttr.get(i32, number)).result
