"""Vectors and structs in registers, and instructions that give them."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.backends.cuda.cpp.expression import Expression
from stepwell.backends.cuda.cpp.types import lanes, members, places
from stepwell.backends.cuda.cpp.writer import Writer


def write_undefined(writer: Writer, op: ir.Operation) -> None:
    """A value that is set later: lanes that are inserted, or sums that an instruction writes."""
    result = op.results[0]
    if isinstance(result.type, ir.VectorType):
        writer.lanes[result] = {}
        return
    writer.stands_for(result, Expression(writer.declare(result.type, "fresh")))


def write_insert_element(writer: Writer, op: ir.Operation) -> None:
    """``llvm.insertelement``: a chain of them is one vector."""
    vector, value, _ = op.operands
    if vector not in writer.lanes:
        raise writer.refuse(op, "a vector that has all lanes")
    made = {**writer.lanes[vector], _lane(op.operands[2]): writer.value(value).text}
    result = op.results[0]
    if len(made) < lanes(result.type):
        writer.lanes[result] = made
        return
    inside = ", ".join(made[number] for number in range(len(made)))
    writer.define(result, Expression(f"{writer.types.name(result.type)}{{{inside}}}"))


def write_extract_element(writer: Writer, op: ir.Operation) -> None:
    """``llvm.extractelement``."""
    vector = writer.value(op.operands[0])
    writer.stands_for(op.results[0], Expression(f"{vector.operand}.x[{_lane(op.operands[1])}]"))


def _lane(value: ir.Value) -> int:
    return int(ir.IntegerAttr(value.owner.attributes["value"]).value)


def write_extract_value(writer: Writer, op: ir.Operation) -> None:
    """``llvm.extractvalue`` of a struct of numbers."""
    (position,) = ir.DenseI64ArrayAttr(op.attributes["position"])
    source = op.operands[0]
    place = places(members(source.type))[position]
    writer.stands_for(op.results[0], Expression(f"{writer.value(source).operand}{place}"))


def write_assembly(writer: Writer, op: ir.Operation) -> None:
    """``llvm.inline_asm``: a call of the function around it."""
    call = writer.assembly.call(op)
    operands = list(op.operands)
    given = [writer.value(operands[number]).text for number in call.operands]
    if call.tied:
        given = [_together(writer, op, [operands[number] for number in call.tied]), *given]
    constants = ", ".join(writer.value(operands[number]).text for number in call.constants)
    text = f"{call.name}{f'<{constants}>' if constants else ''}({', '.join(given)})"
    if not len(op.results):
        writer.line(f"{text};")
        return
    result = op.results[0]
    struct = str(result.type).startswith("!llvm.struct")
    pure = "has_side_effects" not in op.attributes and not struct
    writer.define(result, Expression(text), "made" if struct else "", pure=pure)


def _together(writer: Writer, op: ir.Operation, values: list[ir.Value]) -> str:
    """The operands that share the registers of the results, as the struct of the results."""
    kind = op.results[0].type
    if not str(kind).startswith("!llvm.struct"):
        return writer.value(values[0]).text
    texts = [writer.value(value).text for value in values]
    whole = texts[0].removesuffix(places(members(kind))[0])
    if _source_type(values[0]) == kind and texts == [f"{whole}{place}" for place in places(members(kind))]:
        return whole
    name = writer.declare(kind, "given")
    for place, text in zip(places(members(kind)), texts, strict=True):
        writer.line(f"{name}{place} = {text};")
    return name


def _source_type(value: ir.Value) -> ir.Type | None:
    """The type of the struct that ``value`` was taken out of."""
    owner = value.owner
    if not isinstance(owner, ir.Operation | ir.OpView) or owner.operation.name != "llvm.extractvalue":
        return None
    return owner.operation.operands[0].type
