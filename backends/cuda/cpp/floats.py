"""Floats in C++; functions of narrow ones go through float."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.cpp.expression import Expression
from stepwell.backends.cuda.cpp.integers import Scalar
from stepwell.backends.cuda.cpp.types import element


def infix(sign: str, exact: str) -> Scalar:
    """An operator; where the result must not be contracted to a fused one, the function ``exact`` of the type."""

    def build(op: ir.Operation, x: Sequence[Expression]) -> str:
        kind = str(element(op.results[0].type))
        prefix = {"f32": "f", "f64": "d"}.get(kind, "h")
        if exact and not _contracts(op):
            return f"__{prefix}{exact}{'_rn' if kind in _WIDE else ''}({x[0].text}, {x[1].text})"
        return f"{x[0].operand} {sign} {x[1].operand}"

    return build


def _contracts(op: ir.Operation) -> bool:
    flags = op.attributes.get("fastmath", None)
    return flags is not None and re.search(r"contract|fast", str(flags).removeprefix("#arith.fastmath")) is not None


_WIDE = {"f32", "f64"}


def negated(op: ir.Operation, x: Sequence[Expression]) -> str:
    return f"-{x[0].operand}"


def function(name: str) -> Scalar:
    """A function of ``<cmath>``; narrow numbers go through float."""

    def build(op: ir.Operation, x: Sequence[Expression]) -> str:
        kind = str(element(op.results[0].type))
        if kind in _WIDE:
            return f"{name}({', '.join(each.text for each in x)})"
        wide = ", ".join(widened(each.text, kind) for each in x)
        return f"{ROUND[kind]}({name}({wide}))"

    return build


ROUND = {
    "bf16": "__float2bfloat16_rn", "f16": "__float2half_rn", "f8E4M3FN": "round_to_e4m3", "f8E5M2": "round_to_e5m2",
}  # fmt: skip
_WIDEN = {
    "bf16": "__bfloat162float", "f16": "__half2float", "f8E4M3FN": "widen_e4m3", "f8E5M2": "widen_e5m2",
}  # fmt: skip


def widened(text: str, kind: str) -> str:
    return f"{_WIDEN[kind]}({text})" if kind in _WIDEN else text


def compare(op: ir.Operation, x: Sequence[Expression]) -> str:
    predicate = arith.CmpFPredicate(ir.IntegerAttr(op.attributes["predicate"]).value).name.lower()
    kind = str(element(op.operands[0].type))
    a, b = (Expression(widened(each.text, kind)).operand for each in x)
    forms = {
        "alwaysfalse": "false",
        "oeq": f"{a} == {b}",
        "ogt": f"{a} > {b}",
        "oge": f"{a} >= {b}",
        "olt": f"{a} < {b}",
        "ole": f"{a} <= {b}",
        "one": f"{a} < {b} || {a} > {b}",
        "ord": f"{a} == {a} && {b} == {b}",
        "ueq": f"!({a} < {b} || {a} > {b})",
        "ugt": f"!({a} <= {b})",
        "uge": f"!({a} < {b})",
        "ult": f"!({a} >= {b})",
        "ule": f"!({a} > {b})",
        "une": f"{a} != {b}",
        "uno": f"{a} != {a} || {b} != {b}",
        "alwaystrue": "true",
    }
    return forms[predicate]
