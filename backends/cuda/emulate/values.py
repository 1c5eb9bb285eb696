"""Operations on values alone: arithmetic as the interpreter has it, vectors and structs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.emulate.lanes import Active, each
from stepwell.backends.cuda.emulate.machine import Unit
from stepwell.backends.cuda.emulate.program import Builder, Maker, Step
from stepwell.backends.interpreter.constants import constant_value
from stepwell.backends.interpreter.element_types import element, is_shaped
from stepwell.backends.interpreter.registry import KERNELS
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location

_DIVISIONS = {f"arith.{name}" for name in ("divsi", "divui", "remsi", "remui", "ceildivsi", "ceildivui", "floordivsi")}


def make_function(op: ir.Operation, builder: Builder) -> Step:
    """A function of the operands, computed by the interpreter."""
    function = KERNELS[op.name](op)
    operands, (result,) = builder.slots(list(op.operands)), builder.slots(list(op.results))
    divides = op.name in _DIVISIONS

    def run(unit: Unit, active: Active) -> None:
        values = [unit.slots[slot] for slot in operands]
        if divides and np.ndim(values[1]):  # threads that do not take part may have anything there
            values[1] = np.where(active.mask, values[1], values[1].dtype.type(1))
        unit.slots[result] = function(*values)

    return run


def _simple(compute: Callable[..., Any]) -> Maker:
    """An operation that the interpreter has not."""

    def make(op: ir.Operation, builder: Builder) -> Step:
        operands, (result,) = builder.slots(list(op.operands)), builder.slots(list(op.results))

        def run(unit: Unit, active: Active) -> None:
            unit.slots[result] = compute(*(unit.slots[slot] for slot in operands))

        return run

    return make


def _constant(op: ir.Operation, value: Any, builder: Builder) -> Step:
    result = builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        unit.slots[result] = value

    return run


def make_constant(op: ir.Operation, builder: Builder) -> Step:
    """A number, or the numbers of a vector."""
    kind = op.results[0].type
    value = constant_value(op, "value", kind)
    return _constant(op, np.asarray(value)[:, None] if is_shaped(kind) else value, builder)


def make_undefined(op: ir.Operation, builder: Builder) -> Step:
    """A value that is set later: NaN, or all bits."""
    return _constant(op, undefined(op.results[0].type), builder)


def undefined(kind: ir.Type) -> Any:
    """A value of a type that shows when it is used."""
    text = str(kind)
    if text.startswith("!llvm.struct<("):
        return tuple(_nothing(ir.Type.parse(part, kind.context)) for part in text[14:-2].split(", "))
    if isinstance(kind, ir.VectorType):
        return np.full((kind.shape[0], 1), _nothing(kind.element_type))
    return _nothing(kind)


def _nothing(kind: ir.Type) -> Any:
    item = element(kind)
    return item.dtype.type(np.nan) if item.kind == "float" else item.dtype.type(-1 if item.width > 1 else 1)


def make_extract_value(op: ir.Operation, builder: Builder) -> Step:
    """``llvm.extractvalue``."""
    (place,) = ir.DenseI64ArrayAttr(op.attributes["position"])
    source, result = builder.slot(op.operands[0]), builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        unit.slots[result] = unit.slots[source][place]

    return run


def _lane(value: ir.Value) -> int:
    return int(ir.IntegerAttr(value.owner.attributes["value"]).value)


def make_extract_element(op: ir.Operation, builder: Builder) -> Step:
    """``llvm.extractelement`` of a constant lane."""
    lane, source, result = _lane(op.operands[1]), builder.slot(op.operands[0]), builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        number = unit.slots[source][lane]
        unit.slots[result] = number[0] if number.shape == (1,) else number

    return run


def make_insert_element(op: ir.Operation, builder: Builder) -> Step:
    """``llvm.insertelement`` of a constant lane."""
    source, number = builder.slots(list(op.operands)[:2])
    lane, result = _lane(op.operands[2]), builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        old = unit.slots[source]
        made = np.array(np.broadcast_to(old, (len(old), unit.count)))
        made[lane] = unit.slots[number]
        unit.slots[result] = made

    return run


def make_broadcast(op: ir.Operation, builder: Builder) -> Step:
    """``vector.broadcast`` of a number."""
    source, result = builder.slot(op.operands[0]), builder.slot(op.results[0])
    lanes = op.results[0].type.shape[0]

    def run(unit: Unit, active: Active) -> None:
        unit.slots[result] = np.broadcast_to(each(unit.slots[source], unit.count), (lanes, unit.count))

    return run


def _fma(a: Any, b: Any, c: Any) -> Any:
    """Rounded once, as far as twice the precision goes."""
    kind = np.asarray(a).dtype
    if kind.itemsize >= 8:
        return a * b + c
    return (np.asarray(a, np.float64) * np.asarray(b, np.float64) + np.asarray(c, np.float64)).astype(kind)


_INTRINSICS: dict[str, Callable[..., Any]] = {
    "llvm.fma": _fma,
    "llvm.fabs": np.abs,
    "llvm.floor": np.floor,
    "llvm.ceil": np.ceil,
    "llvm.trunc": np.trunc,
    "llvm.roundeven": np.rint,
    "llvm.copysign": np.copysign,
}


def make_intrinsic(op: ir.Operation, builder: Builder) -> Step:
    """``llvm.call_intrinsic``."""
    name = ir.StringAttr(op.attributes["intrin"]).value
    if name not in _INTRINSICS:
        raise UnsupportedError(f"kernels with '{name}' are not emulated", where=describe_location(op.location))
    made = _simple(_INTRINSICS[name])(op, builder)
    assert callable(made)
    return made


def _add(a: Any, b: Any) -> Any:
    return a + b


MAKERS: dict[str, Maker] = {
    "arith.constant": make_constant,
    "llvm.mlir.constant": make_constant,
    "llvm.mlir.undef": make_undefined,
    "llvm.mlir.poison": make_undefined,
    "llvm.add": _simple(_add),
    "llvm.call_intrinsic": make_intrinsic,
    "llvm.extractelement": make_extract_element,
    "llvm.extractvalue": make_extract_value,
    "llvm.insertelement": make_insert_element,
    "llvm.intr.fma": _simple(_fma),
    "llvm.intr.maxnum": _simple(np.fmax),
    "vector.broadcast": make_broadcast,
}
"""What the interpreter has of ``arith`` and ``math`` comes beside these."""
