"""Instructions given as text become functions around ``asm``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.backends.cuda.constraints import Constraints
from stepwell.backends.cuda.cpp.names import instruction_name
from stepwell.backends.cuda.cpp.types import Types, members, places
from stepwell.support.errors import CodegenError

_WIDTH = 100


@dataclass(frozen=True)
class Call:
    """A function around an instruction, and what it is called with: operands by number, those of ``tied`` as one."""

    name: str
    operands: tuple[int, ...]
    constants: tuple[int, ...]
    tied: tuple[int, ...]


class Assembly:
    """The functions around instructions of a file, each declared once."""

    def __init__(self, types: Types) -> None:
        self._types = types
        self._made: dict[tuple[str, str, str, bool], str] = {}
        self._names: set[str] = set()
        self.functions: list[str] = []

    def call(self, op: ir.Operation) -> Call:
        """How to call the function around ``op``.

        Raises:
            CodegenError: only a part of the results is tied to operands.
        """
        text = " ".join(ir.StringAttr(op.attributes["asm_string"]).value.split())
        constraints = Constraints.parse(ir.StringAttr(op.attributes["constraints"]).value)
        if constraints.tied not in (0, len(constraints.outputs)):
            raise CodegenError(f"an instruction has a register in part: {text[:60]}")
        volatile = "has_side_effects" in op.attributes
        kinds = [operand.type for operand in op.operands]
        key = (text, str(constraints), " ".join(map(str, kinds)), volatile)
        if key not in self._made:
            name = self._fresh(instruction_name(text))
            self._made[key] = name
            self.functions.append(self._function(name, text, constraints, op, volatile))
        inputs = list(enumerate(constraints.inputs))
        return Call(
            self._made[key],
            tuple(number for number, part in inputs if part != "n" and not part.isdigit()),
            tuple(number for number, part in inputs if part == "n"),
            tuple(number for number, part in inputs if part.isdigit()),
        )

    def _fresh(self, name: str) -> str:
        number, found = 1, name
        while found in self._names:
            number += 1
            found = f"{name}_{number}"
        self._names.add(found)
        return found

    def _function(self, name: str, text: str, constraints: Constraints, op: ir.Operation, volatile: bool) -> str:
        result = op.results[0].type if len(op.results) else None
        made = "void" if result is None else self._types.name(result)
        parameters: list[str] = []
        constants: list[str] = []
        given: list[str] = []
        prefix = ""
        numbers: dict[int, str] = {number: f"%{number}" for number in range(len(constraints.outputs))}
        first = len(constraints.outputs)
        if constraints.tied:
            parameters.append(f"{made} made")
        for number, part in enumerate(constraints.inputs):
            if part.isdigit():
                numbers[first + number] = f"%{part}"
                continue
            kind, own = self._types.name(op.operands[number].type), f"x{len(parameters) + len(constants)}"
            place = f"%{first + len(given)}"
            numbers[first + number] = place
            (constants if part == "n" else parameters).append(f"{kind} {own}")
            if part == "b":
                numbers[first + number] = "where"
                prefix = f"{{ .reg .pred where; setp.ne.b32 where, {place}, 0; "
                given.append(f'"r"(uint32_t({own}))')
            else:
                given.append(f'"{part}"({own})')
        outputs = [
            f'"{"+" if constraints.tied else "="}{letter}"(made{place})'
            for letter, place in zip(constraints.outputs, _places(result), strict=True)
        ]
        code = re.sub(r"%(?=[a-z])", "%%", text)
        code = re.sub(r"\$(\d+)", lambda found: numbers[int(found[1])], code)
        code = f"{prefix}{code} }}" if prefix else code
        operands = [*_wrapped(", ".join(outputs), ": "), *_wrapped(", ".join(given), ": ")]
        if constraints.memory:
            operands.append('    : "memory"')
        lines = [
            *([f"template <{', '.join(constants)}>"] if constants else []),
            f"__device__ __forceinline__ {made} {name}({', '.join(parameters)}) {{",
            *([f"  {made} made;"] if result is not None and not constraints.tied else []),
            f"  asm{' volatile' if volatile else ''}(",
            *_quoted(code),
            *operands,
        ]
        lines[-1] += ");"
        return "\n".join([*lines, *([] if result is None else ["  return made;"]), "}"])


def _places(kind: ir.Type | None) -> Sequence[str]:
    if kind is None:
        return []
    return places(members(kind)) if str(kind).startswith("!llvm.struct") else [""]


def _quoted(text: str) -> list[str]:
    return [f'    "{line}"' for line in _cut(text)]


def _wrapped(text: str, head: str) -> list[str]:
    lines = _cut(text)
    return [f"    {head}{lines[0]}".rstrip(), *(f"      {line}" for line in lines[1:])] if lines else [f"    {head[0]}"]


def _cut(text: str) -> list[str]:
    """``text`` in lines, cut behind commas and semicolons; together they are ``text``."""
    lines, line = [], ""
    for piece in re.findall(r"[^,;]*[,;]? ?", text):
        if line and len(line) + len(piece) > _WIDTH:
            lines.append(line)
            line = ""
        line += piece
    return [*lines, line] if line else lines
