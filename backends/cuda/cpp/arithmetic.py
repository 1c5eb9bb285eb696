"""Dialects ``arith``, ``math`` and ``vector`` in C++."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from stepwell.backends.cuda.cpp import casts, floats, integers
from stepwell.backends.cuda.cpp.expression import Expression
from stepwell.backends.cuda.cpp.integers import Scalar
from stepwell.backends.cuda.cpp.literals import constant
from stepwell.backends.cuda.cpp.types import element, lanes
from stepwell.backends.cuda.cpp.writer import Writer


def write(writer: Writer, op: ir.Operation) -> None:
    """An operation of ``SCALARS``, for each lane where it works on vectors."""
    result = op.results[0]
    operands = [_number(operand) for operand in writer.operands(op)]
    if not isinstance(result.type, ir.VectorType):
        writer.define(result, Expression(SCALARS[op.name](op, operands)))
        return
    split = [isinstance(operand.type, ir.VectorType) for operand in op.operands]
    names = [Expression(f"lane_{number}") for number in range(len(operands))]
    inner = [name if each else operand for name, each, operand in zip(names, split, operands, strict=True)]
    parameters = ", ".join(
        f"{writer.types.name(element(operand.type))} {name.text}"
        for operand, name, each in zip(op.operands, names, split, strict=True)
        if each
    )
    body = SCALARS[op.name](op, inner)
    capture = "" if all(split) else "="
    given = ", ".join(operand.text for operand, each in zip(operands, split, strict=True) if each)
    made = writer.types.name(element(result.type))
    if all(split) and body in _OPERATORS:
        writer.define(result, Expression(f"{operands[0].operand} {body.split()[1]} {operands[1].operand}"))
        return
    writer.define(result, Expression(f"map<{made}>([{capture}]({parameters}) {{ return {body}; }}, {given})"))


_OPERATORS = {f"lane_0 {sign} lane_1" for sign in "+-*"}
"""What vectors have as operators too."""


def _number(value: Expression) -> Expression:
    return Expression(f"reinterpret_cast<uint64_t>({value.text})") if value.pointee else value


def write_index_cast(writer: Writer, op: ir.Operation) -> None:
    """``arith.index_cast``; of the address of a memref, that still is its pointer."""
    value = writer.operands(op)[0]
    if value.pointee:
        writer.stands_for(op.results[0], value)
    elif value.text in _REGISTERS:
        writer.define(op.results[0], Expression(value.text), _REGISTERS[value.text])
    else:
        write(writer, op)


_REGISTERS = {"threadIdx.x": "thread", "blockIdx.x": "block", "gridDim.x": "blocks"}
"""What C++ has in 32 bits."""


def write_constant(writer: Writer, op: ir.Operation) -> None:
    """A constant stands where it is used."""
    writer.stands_for(op.results[0], Expression(constant(op, writer.types)))


def write_broadcast(writer: Writer, op: ir.Operation) -> None:
    """A number in all lanes."""
    kind = op.results[0].type
    number = writer.operands(op)[0].text
    writer.define(op.results[0], Expression(f"splat<{writer.types.name(element(kind))}, {lanes(kind)}>({number})"))


def _selected(op: ir.Operation, x: Sequence[Expression]) -> str:
    return f"{x[0].operand} ? {x[1].operand} : {x[2].operand}"


FUNCTIONS = {
    "absf": "fabs",
    "acos": "acos",
    "acosh": "acosh",
    "asin": "asin",
    "asinh": "asinh",
    "atan": "atan",
    "atan2": "atan2",
    "atanh": "atanh",
    "cbrt": "cbrt",
    "ceil": "ceil",
    "copysign": "copysign",
    "cos": "cos",
    "cosh": "cosh",
    "erf": "erf",
    "erfc": "erfc",
    "exp": "exp",
    "exp2": "exp2",
    "expm1": "expm1",
    "floor": "floor",
    "fma": "fma",
    "log": "log",
    "log10": "log10",
    "log1p": "log1p",
    "log2": "log2",
    "powf": "pow",
    "round": "round",
    "roundeven": "rint",
    "rsqrt": "rsqrt",
    "sin": "sin",
    "sinh": "sinh",
    "sqrt": "sqrt",
    "tan": "tan",
    "tanh": "tanh",
    "trunc": "trunc",
}
"""Of dialect ``math``, in C++."""

INTRINSICS = {f"llvm.{name}": name for name in ("ceil", "copysign", "floor", "fma", "trunc")} | {
    "llvm.fabs": "fabs",
    "llvm.roundeven": "rint",
}


def _intrinsic(op: ir.Operation, x: Sequence[Expression]) -> str:
    name = ir.StringAttr(op.attributes["intrin"]).value
    return floats.function(INTRINSICS[name])(op, x)


SCALARS: dict[str, Scalar] = {
    "arith.addi": integers.infix("+"),
    "arith.subi": integers.infix("-"),
    "arith.muli": integers.infix("*"),
    "arith.divui": integers.infix("/"),
    "arith.remui": integers.infix("%"),
    "arith.shli": integers.infix("<<"),
    "arith.shrui": integers.infix(">>"),
    "arith.andi": integers.logical("&", "&&"),
    "arith.ori": integers.logical("|", "||"),
    "arith.xori": integers.logical("^", "!="),
    "arith.divsi": integers.signed_infix("/"),
    "arith.remsi": integers.signed_infix("%"),
    "arith.shrsi": integers.signed_infix(">>"),
    "arith.minui": integers.extreme("min", with_sign=False),
    "arith.maxui": integers.extreme("max", with_sign=False),
    "arith.minsi": integers.extreme("min", with_sign=True),
    "arith.maxsi": integers.extreme("max", with_sign=True),
    "arith.cmpi": integers.compare,
    "arith.addf": floats.infix("+", "add"),
    "arith.subf": floats.infix("-", "sub"),
    "arith.mulf": floats.infix("*", "mul"),
    "arith.divf": floats.infix("/", ""),
    "arith.remf": floats.function("fmod"),
    "arith.negf": floats.negated,
    "arith.maximumf": floats.function("maximum"),
    "arith.minimumf": floats.function("minimum"),
    "arith.maxnumf": floats.function("fmax"),
    "arith.minnumf": floats.function("fmin"),
    "arith.cmpf": floats.compare,
    "arith.extui": casts.zero_extended,
    "arith.extsi": casts.sign_extended,
    "arith.trunci": casts.truncated,
    "arith.index_cast": casts.index_cast,
    "arith.index_castui": casts.zero_extended,
    "arith.extf": casts.widened_float,
    "arith.truncf": casts.narrowed_float,
    "arith.sitofp": casts.to_float(with_sign=True),
    "arith.uitofp": casts.to_float(with_sign=False),
    "arith.fptosi": casts.to_integer(with_sign=True),
    "arith.fptoui": casts.to_integer(with_sign=False),
    "arith.bitcast": casts.same_bits,
    "arith.select": _selected,
    "llvm.add": integers.infix("+"),
    "llvm.intr.fma": floats.function("fma"),
    "llvm.intr.maxnum": floats.function("fmax"),
    "llvm.call_intrinsic": _intrinsic,
    **{f"math.{name}": floats.function(function) for name, function in FUNCTIONS.items()},
}
