"""Conversions between types in C++."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from stepwell.backends.cuda.cpp.expression import Expression
from stepwell.backends.cuda.cpp.floats import ROUND, widened
from stepwell.backends.cuda.cpp.integers import Scalar
from stepwell.backends.cuda.cpp.types import NAMES, element, signed, unsigned


def zero_extended(op: ir.Operation, x: Sequence[Expression]) -> str:
    return f"{_cast_name(op)}({x[0].text})"


def sign_extended(op: ir.Operation, x: Sequence[Expression]) -> str:
    source = element(op.operands[0].type)
    if str(source) == "i1":
        return f"{_cast_name(op)}(-int({x[0].text}))"
    return f"{_cast_name(op)}({signed(element(op.results[0].type))}({signed(source)}({x[0].text})))"


def truncated(op: ir.Operation, x: Sequence[Expression]) -> str:
    return f"bool({x[0].operand} & 1)" if _cast_name(op) == "bool" else f"{_cast_name(op)}({x[0].text})"


def index_cast(op: ir.Operation, x: Sequence[Expression]) -> str:
    widens = str(element(op.results[0].type)) in ("index", "i64") and str(element(op.operands[0].type)) not in (
        "index",
        "i64",
    )
    return sign_extended(op, x) if widens else truncated(op, x)


def _cast_name(op: ir.Operation) -> str:
    kind = element(op.results[0].type)
    return "bool" if str(kind) == "i1" else unsigned(kind)


def widened_float(op: ir.Operation, x: Sequence[Expression]) -> str:
    kind = str(element(op.results[0].type))
    text = widened(x[0].text, str(element(op.operands[0].type)))
    if kind in ROUND:
        return f"{ROUND[kind]}({text})"
    return f"double({text})" if kind == "f64" else text


def narrowed_float(op: ir.Operation, x: Sequence[Expression]) -> str:
    kind, source = str(element(op.results[0].type)), str(element(op.operands[0].type))
    if kind == "f32":
        return f"float({x[0].text})"
    if source == "f64":
        return f"{_ROUND_DOUBLE[kind]}({x[0].text})"
    return f"{ROUND[kind]}({widened(x[0].text, source)})"


_ROUND_DOUBLE = {
    "bf16": "__double2bfloat16", "f16": "__double2half", "f8E4M3FN": "round_to_e4m3", "f8E5M2": "round_to_e5m2",
}  # fmt: skip


def to_float(with_sign: bool) -> Scalar:
    def build(op: ir.Operation, x: Sequence[Expression]) -> str:
        kind, source = str(element(op.results[0].type)), element(op.operands[0].type)
        own = x[0].text
        if with_sign:
            own = f"-int({own})" if str(source) == "i1" else f"{signed(source)}({own})"
        wide = f"{'double' if kind == 'f64' else 'float'}({own})"
        return f"{ROUND[kind]}({wide})" if kind in ROUND else wide

    return build


def to_integer(with_sign: bool) -> Scalar:
    def build(op: ir.Operation, x: Sequence[Expression]) -> str:
        kind = element(op.results[0].type)
        own = widened(x[0].text, str(element(op.operands[0].type)))
        return f"{_cast_name(op)}({signed(kind) if with_sign and str(kind) != 'i1' else _cast_name(op)}({own}))"

    return build


def same_bits(op: ir.Operation, x: Sequence[Expression]) -> str:
    kinds = str(element(op.operands[0].type)), str(element(op.results[0].type))
    known = {("f32", "i32"): "__float_as_uint", ("i32", "f32"): "__uint_as_float"}
    made = NAMES.get(kinds[1], f"uint{kinds[1][1:]}_t")
    return f"{known.get(kinds, f'bit_cast<{made}>')}({x[0].text})"
