"""What a program of loop nests computes: each nest becomes a Python function of its memories, which stops where others
have their turn."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from math import prod
from typing import Any

import numpy as np

from stepwell.support.loops.affine import Affine
from stepwell.support.loops.nest import Memory, Nest, Operation, Program, When
from stepwell.support.loops.rounds import turns

Array = np.ndarray[Any, np.dtype[Any]]

_INFIX = {"addi": "+", "subi": "-", "muli": "*", "andi": "&", "ori": "|", "xori": "^", "shli": "<<", "shrsi": ">>"}
_WRAPS = frozenset({"absi", "addi", "subi", "muli", "shli", "trunci", "extui", "shrui"})
COMPARISONS = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
"""By the number that ``arith.cmpi`` has for them."""
_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def run(program: Program, given: Mapping[str, Array]) -> dict[str, Array]:
    """The contents of all memories at the end; ``given`` has those of inputs and parameters."""
    contents = {
        memory.name: given[memory.name].reshape(-1).tolist()
        if memory.name in given
        else list(memory.contents or [0] * prod(memory.shape))
        for memory in program.memories
    }
    running = [_function(program, nest)(contents) for nest in program.nests]
    for nest in turns(program.nests):
        next(running[nest])
    # Elements that fit 64 bits; wider ones stay Python integers.
    return {
        m.name: np.array(contents[m.name], np.int64 if m.bits <= 64 else object).reshape(m.shape)
        for m in program.memories
    }


def _function(program: Program, nest: Nest) -> Callable[[dict[str, list[int]]], Generator[None]]:
    lines = ["def nest(contents):"]
    for name in dict.fromkeys(op.memory for op in nest.operations if op.memory):
        lines.append(f" {_name(program, name)} = contents[{name!r}]")
    carries = [op for op in nest.operations if op.kind == "carry"]
    lines += [f" v{op.operands[1]} = 0" for op in carries]
    for level, size in enumerate(nest.sizes):
        trips = nest.trips[level] if nest.trips else ()
        least = f"max(1, min({', '.join([str(size), *map(_affine, trips)])}))" if trips else str(size)
        lines.append(f"{' ' * (level + 1)}n{level} = {least}")
        lines.append(f"{' ' * (level + 1)}for i{level} in range(n{level}):")
    indent = " " * (len(nest.sizes) + 1)
    lines += [indent + _statement(program, nest, number) for number in range(len(nest.operations))]
    lines.append(indent + "pass")
    lines.append(f"{' ' * (nest.shared + 1)}yield")
    scope: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<loop nest>", "exec"), scope)
    function: Callable[[dict[str, list[int]]], Generator[None]] = scope["nest"]
    return function


def _statement(program: Program, nest: Nest, number: int) -> str:
    op = nest.operations[number]
    operands = [f"v{operand}" for operand in op.operands]
    if op.kind == "store":
        memory = program.memory(op.memory)
        target = f"{_name(program, op.memory)}[{_address(memory, op.indices)}]"
        store = f"{target} = {_wrapped(operands[0], memory.bits)}"
        conditions = [_condition(nest, op.when)] if op.when else []
        conditions += [_holds(op.guards)] if op.guards else []
        return f"if {' and '.join(conditions)}: {store}" if conditions else store
    if op.kind == "load":
        word = f"{_name(program, op.memory)}[{_address(program.memory(op.memory), op.indices)}]"
        return f"v{number} = {word} if {_holds(op.guards)} else 0" if op.guards else f"v{number} = {word}"
    if op.kind == "carry":
        assert op.when is not None
        return f"v{number} = {operands[0]} if {_condition(nest, op.when)} else {operands[1]}"
    value = _expression(nest, op, operands)
    return f"v{number} = {_wrapped(value, op.bits) if op.kind in _WRAPS else value}"


def _expression(nest: Nest, op: Operation, v: list[str]) -> str:
    if op.kind == "constant":
        return str(op.number)
    if op.kind == "index":
        return _affine(op.indices[0])
    if op.kind == "guard":
        return f"-({_holds(op.guards)})"
    if op.kind in _INFIX:
        return f"({v[0]} {_INFIX[op.kind]} {v[1]})"
    if op.kind in ("extsi", "trunci"):
        return v[0]
    if op.kind == "extui":
        return f"({v[0]} & {(1 << op.number) - 1})"
    if op.kind == "shrui":
        return f"(({v[0]} & {(1 << op.number) - 1}) >> {v[1]})"
    if op.kind in ("maxsi", "minsi"):
        return f"{op.kind[:3]}({v[0]}, {v[1]})"
    if op.kind in ("maxui", "minui"):
        return f"{op.kind[:3]}({v[0]}, {v[1]}, key=lambda v: v & {(1 << op.number) - 1})"
    if op.kind == "absi":
        return f"abs({v[0]})"
    if op.kind == "select":
        return f"({v[1]} if {v[0]} else {v[2]})"
    assert op.kind == "cmpi", op.kind
    word = COMPARISONS[op.number]
    if word.startswith("u"):  # every width that holds both gives the same answer
        bits = max(nest.operations[operand].bits for operand in op.operands)
        v, word = [f"({name} & {(1 << bits) - 1})" for name in v], word[1:]
    return f"-({v[0]} {_SIGNS[word.removeprefix('s')]} {v[1]})"


def _condition(nest: Nest, when: When) -> str:
    loops = range(when.level, len(nest.sizes))
    ends = [f"i{level} == {0 if when.end == 'first' else f'n{level} - 1'}" for level in loops]
    return " and ".join(ends) or "True"


def _holds(guards: tuple[Affine, ...]) -> str:
    return " and ".join(f"{_affine(guard)} >= 0" for guard in guards)


def _address(memory: Memory, indices: tuple[Affine, ...]) -> str:
    parts = [f"{prod(memory.shape[d + 1 :])} * ({_affine(index)})" for d, index in enumerate(indices)]
    return " + ".join(parts) or "0"


def _affine(index: Affine) -> str:
    terms = [f"{c} * i{level}" for level, c in enumerate(index.coefficients) if c]
    return " + ".join([str(index.constant), *terms])


def _wrapped(value: str, bits: int) -> str:
    half = 1 << (bits - 1)
    return f"(({value} + {half}) & {2 * half - 1}) - {half}"


def _name(program: Program, name: str) -> str:
    return f"m{[memory.name for memory in program.memories].index(name)}"
