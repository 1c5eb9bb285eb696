"""Integers in C++; all are unsigned there, and what has a sign is cast around its operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir

from stepwell.backends.cuda.cpp.expression import Expression
from stepwell.backends.cuda.cpp.types import element, signed, unsigned

Scalar = Callable[[ir.Operation, Sequence[Expression]], str]
"""A number of C++ from the operands of an operation, each a number or one lane of a vector."""


def narrowed(text: str, kind: ir.Type) -> str:
    """An integer result that C++ may have computed in more bits."""
    name = str(element(kind))
    if name == "i1":
        return f"bool(({text}) & 1)"
    return f"uint{name[1:]}_t({text})" if name in ("i8", "i16") else text


def infix(sign: str) -> Scalar:
    def build(op: ir.Operation, x: Sequence[Expression]) -> str:
        return narrowed(f"{x[0].operand} {sign} {x[1].operand}", op.results[0].type)

    return build


def logical(sign: str, of_bools: str) -> Scalar:
    def build(op: ir.Operation, x: Sequence[Expression]) -> str:
        bools = str(element(op.results[0].type)) == "i1"
        return f"{x[0].operand} {of_bools if bools else sign} {x[1].operand}"

    return build


def signed_infix(sign: str) -> Scalar:
    def build(op: ir.Operation, x: Sequence[Expression]) -> str:
        kind = element(op.results[0].type)
        own = signed(kind)
        second = x[1].text if sign == ">>" else f"{own}({x[1].text})"
        return f"{unsigned(kind)}({own}({x[0].text}) {sign} {second})"

    return build


def extreme(function: str, *, with_sign: bool) -> Scalar:
    def build(op: ir.Operation, x: Sequence[Expression]) -> str:
        kind = element(op.results[0].type)
        own = signed(kind) if with_sign else unsigned(kind)
        if not with_sign and str(kind) == "i32":
            return f"{function}({x[0].text}, {x[1].text})"
        return f"{unsigned(kind)}({function}({own}({x[0].text}), {own}({x[1].text})))"

    return build


def compare(op: ir.Operation, x: Sequence[Expression]) -> str:
    sign, with_sign = _INTEGER_SIGNS[ir.IntegerAttr(op.attributes["predicate"]).value]
    if not with_sign:
        return f"{x[0].operand} {sign} {x[1].operand}"
    own = signed(element(op.operands[0].type))
    return f"{own}({x[0].text}) {sign} {own}({x[1].text})"


_INTEGER_SIGNS = [
    ("==", False),
    ("!=", False),
    ("<", True),
    ("<=", True),
    (">", True),
    (">=", True),
    ("<", False),
    ("<=", False),
    (">", False),
    (">=", False),
]
"""Of ``arith.cmpi``'s predicates, in their order; and whether they compare numbers with a sign."""
