"""Loops and branches in C++."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby

from torch_mlir import ir

from stepwell.backends.cuda.cpp.expression import Expression
from stepwell.backends.cuda.cpp.types import signed
from stepwell.backends.cuda.cpp.writer import Writer

Block = Callable[[Writer, ir.Block], list[ir.Value]]
"""Writes the operations of a block; gives the operands of its last one."""

_ARRAY = 4
"""So many variables of one type that a loop carries are an array."""

_INDICES = "ijklmn"


def write_for(writer: Writer, op: ir.Operation, block: Block) -> None:
    """``scf.for``: what it carries are variables in front of it."""
    body = op.regions[0].blocks[0]
    start, stop, step = (writer.value(operand) for operand in list(op.operands)[:3])
    carried = _declare(writer, list(op.operands)[3:], "carried")
    index = writer.names.fresh(_INDICES[writer.loops % len(_INDICES)])
    kind = body.arguments[0].type
    writer.stands_for(body.arguments[0], Expression(index))
    for variable, argument in zip(carried, list(body.arguments)[1:], strict=True):
        writer.stands_for(argument, variable)
    name = writer.types.name(kind)
    plain = "unsignedCmp" in op.attributes or (start.text[:1].isdigit() and stop.text[:1].isdigit())
    own = signed(kind)
    test = f"{index} < {stop.operand}" if plain else f"{own}({index}) < {own}({stop.text})"
    writer.line(f"for ({name} {index} = {start.text}; {test}; {index} += {step.text}) {{")
    writer.loops += 1
    with writer.indented():
        yielded = block(writer, body)
        assign(writer, carried, [writer.value(value) for value in yielded], [value.type for value in yielded])
    writer.loops -= 1
    writer.line("}")
    for variable, result in zip(carried, op.results, strict=True):
        writer.stands_for(result, variable)


def write_if(writer: Writer, op: ir.Operation, block: Block) -> None:
    """``scf.if``: its results are variables in front of it."""
    condition = writer.operands(op)[0].text
    results = [Expression(writer.declare(result.type, "chosen")) for result in op.results]
    kinds = [result.type for result in op.results]
    for number, region in enumerate(op.regions):
        if not len(region.blocks) or (number and len(list(region.blocks[0].operations)) <= 1 and not results):
            continue
        writer.line(f"if ({condition}) {{" if number == 0 else "} else {")
        with writer.indented():
            yielded = block(writer, region.blocks[0])
            assign(writer, results, [writer.value(value) for value in yielded], kinds)
    writer.line("}")
    for variable, result in zip(results, op.results, strict=True):
        writer.stands_for(result, variable)


def write_while(writer: Writer, op: ir.Operation, block: Block) -> None:
    """``scf.while``: the part before its test, the test, the rest."""
    before, after = (region.blocks[0] for region in op.regions)
    carried = _declare(writer, list(op.operands), "carried")
    results = [Expression(writer.declare(result.type, "found")) for result in op.results]
    for variable, argument in zip(carried, before.arguments, strict=True):
        writer.stands_for(argument, variable)
    writer.line("while (true) {")
    with writer.indented():
        condition, *forwarded = block(writer, before)
        assign(writer, results, [writer.value(value) for value in forwarded], [value.type for value in forwarded])
        writer.line(f"if (!{writer.value(condition).operand}) break;")
        for variable, argument in zip(results, after.arguments, strict=True):
            writer.stands_for(argument, variable)
        yielded = block(writer, after)
        assign(writer, carried, [writer.value(value) for value in yielded], [value.type for value in yielded])
    writer.line("}")
    for variable, result in zip(results, op.results, strict=True):
        writer.stands_for(result, variable)


def _declare(writer: Writer, initial: Sequence[ir.Value], hint: str) -> list[Expression]:
    """Variables that begin as ``initial``; many of one type in a row are an array."""
    variables: list[Expression] = []
    for kind, group in groupby(initial, key=lambda value: value.type):
        values = [writer.value(value) for value in group]
        name = writer.types.name(kind)
        if len(values) < _ARRAY:
            for value in values:
                own = writer.names.fresh(hint)
                writer.line(f"{name} {own} = {value.text};")
                variables.append(Expression(own))
            continue
        own = writer.names.fresh(hint)
        writer.line(f"{name} {own}[{len(values)}];")
        elements = [Expression(f"{own}[{number}]") for number in range(len(values))]
        assign(writer, elements, values, [kind] * len(values))
        variables += elements
    return variables


def assign(
    writer: Writer, variables: Sequence[Expression], values: Sequence[Expression], kinds: Sequence[ir.Type]
) -> None:
    """Set all ``variables`` at once; those that a value still needs after they are set go through another."""
    values = list(values)
    set_before: set[str] = set()
    for number, (variable, value) in enumerate(zip(variables, values, strict=True)):
        if _named(value.text) & set_before:
            own = writer.names.fresh("next")
            writer.line(f"const {writer.types.name(kinds[number])} {own} = {value.text};")
            values[number] = Expression(own)
        set_before.add(variable.text)
    pairs = [(a.text, b.text) for a, b in zip(variables, values, strict=True) if a.text != b.text]
    for line in _assignments(pairs):
        writer.line(line)


def _named(text: str) -> set[str]:
    """The variables, and elements of arrays, that an expression names."""
    return {found for pattern in (r"\b[a-z_]\w*\[\d+\]", r"\b[a-z_]\w*") for found in re.findall(pattern, text)}


def _assignments(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Assignments; those that differ in an index alone as a loop."""
    lines: list[str] = []
    first = 0
    while first < len(pairs):
        last = first + 1
        while last < len(pairs) and _form(pairs, first, last) == _form(pairs, first, first) is not None:
            last += 1
        count = last - first
        if count >= _ARRAY:
            target, value = _form(pairs, first, first) or pairs[first]
            lines += ["#pragma unroll", f"for (int at = 0; at < {count}; ++at) {target} = {value};"]
        else:
            lines += [f"{target} = {value};" for target, value in pairs[first:last]]
        first = last
    return lines


def _form(pairs: Sequence[tuple[str, str]], first: int, number: int) -> tuple[str, str] | None:
    """The assignment with its distance from the first one in place of its indices."""
    index = re.search(r"\[(\d+)\]\Z", pairs[number][0])
    if index is None:
        return None
    step = number - first

    def general(found: re.Match[str]) -> str:
        rest = int(found[1]) - step
        return f"[at + {rest}]" if rest > 0 else "[at]" if rest == 0 else found[0]

    target, value = (re.sub(r"\[(\d+)\]", general, text) for text in pairs[number])
    return target, value
