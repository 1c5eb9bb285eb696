"""expand-float8: casts from and to 8-bit floats as integer arithmetic that vectorises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.math.emitter import Emitter
from stepwell.passes.buffer.math.float8 import FORMATS, extend, round_to
from stepwell.support.walk import operations

_CASTS = ("arith.extf", "arith.truncf")


@dataclass
class ExpandFloat8(Pass):
    """Write ``arith.extf`` of f8E4M3FN and f8E5M2 and ``arith.truncf`` to them as arithmetic on their bits.

    Casts are rounded to nearest, ties to even; numbers without room become infinite, or NaN where there are no
    infinities. The result has no fast-math flags and relies on getting none.
    """

    name: ClassVar[str] = "expand-float8"
    summary: ClassVar[str] = "casts from and to 8-bit floats as integer arithmetic"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [each for each in operations(op) if each.name in _CASTS and _is_narrow(each)]
        for cast in found:
            with ir.InsertionPoint(cast), cast.location:
                made = _extended(cast) if cast.name == "arith.extf" else _rounded(cast)
            cast.results[0].replace_all_uses_with(made)
            cast.erase()
        context.note(self.name, expanded=len(found))


def _is_narrow(cast: ir.Operation) -> bool:
    value = cast.operands[0] if cast.name == "arith.extf" else cast.results[0]
    return str(_element(value.type)) in FORMATS


def _element(kind: ir.Type) -> ir.Type:
    return ir.VectorType(kind).element_type if isinstance(kind, ir.VectorType) else kind


def _extended(cast: ir.Operation) -> ir.Value:
    value, wanted = cast.operands[0], cast.results[0].type
    single = Emitter(_like(wanted, ir.F32Type.get()), False)
    bits = arith.extui(single.integers, arith.bitcast(_like(wanted, ir.IntegerType.get_signless(8)), value))
    return _cast(extend(single, bits, FORMATS[str(_element(value.type))]), wanted)


def _rounded(cast: ir.Operation) -> ir.Value:
    value, wanted = cast.operands[0], cast.results[0].type
    if not isinstance(_element(value.type), ir.F64Type):
        value = _cast(value, _like(wanted, ir.F32Type.get()))
    bits = round_to(Emitter(value.type, False), value, FORMATS[str(_element(wanted))])
    byte = arith.trunci(_like(wanted, ir.IntegerType.get_signless(8)), bits)
    return arith.bitcast(wanted, byte)


def _like(shape: ir.Type, element: ir.Type) -> ir.Type:
    return Emitter(shape, False).like(element)


def _cast(value: ir.Value, wanted: ir.Type) -> ir.Value:
    """``value`` in a type that holds it."""
    if value.type == wanted:
        return value
    wider = ir.FloatType(_element(wanted)).width > ir.FloatType(_element(value.type)).width
    return arith.extf(wanted, value) if wider else arith.truncf(wanted, value)
