"""Which values operations and memories can have, and so how few bits they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from stepwell.support.loops.nest import Memory, Nest, Operation, Program
from stepwell.support.widths import Range, signed_range, signed_width

_ROUNDS = 3
"""How often all nests are looked at for the contents of memories to settle."""


def narrow(program: Program, known: Mapping[str, Range] | None = None) -> Program:
    """``program`` with the fewest bits that hold every value; inputs stay as they are.

    Args:
        known: what parameters hold.
    """
    contents = _contents(program, known or {})
    memories = [
        m if m.role == "input" else replace(m, bits=min(m.bits, signed_width(contents[m.name])))
        for m in program.memories
    ]
    nests = []
    for nest in program.nests:
        ranges = _ranges(nest, contents)
        operations = [
            op if op.kind == "store" else replace(op, bits=min(op.bits, signed_width(values)))
            for op, values in zip(nest.operations, ranges, strict=True)
        ]
        nests.append(replace(nest, operations=tuple(operations)))
    return Program(tuple(memories), tuple(nests))


def _contents(program: Program, known: Mapping[str, Range]) -> dict[str, Range]:
    """What each memory can hold at any time; memories that only stores fill begin with zeros."""
    given = {m.name: signed_range(m.bits) for m in program.memories if m.role in ("input", "parameter")}
    begins = {m.name: (min(m.contents), max(m.contents)) for m in program.memories if m.contents}
    given.update({m.name: begins[m.name] for m in program.role("constant")})
    given.update(known)
    contents = {m.name: given.get(m.name, begins.get(m.name, (0, 0))) for m in program.memories}
    for _ in range(_ROUNDS):
        before = dict(contents)
        for nest in program.nests:
            _add_stores(nest, contents, {m.name: m for m in program.memories})
        if contents == before:
            return contents
    # What still grows, and what is stored from there, can be anything.
    growing = {m.name: signed_range(m.bits) for m in program.memories if m.name not in given}
    return {**contents, **growing}


def _add_stores(nest: Nest, contents: dict[str, Range], memories: dict[str, Memory]) -> None:
    ranges = _ranges(nest, contents)
    for op in nest.operations:
        if op.kind == "store":
            values = _union(contents[op.memory], ranges[op.operands[0]])
            contents[op.memory] = _within(values, memories[op.memory].bits)


def _ranges(nest: Nest, contents: dict[str, Range]) -> list[Range]:
    """The values of each operation."""
    ranges: list[Range] = [(0, 0)] * len(nest.operations)
    for number, op in enumerate(nest.operations):
        if op.kind == "carry":
            ranges[number] = _carried(nest, number, ranges, contents)
        else:
            ranges[number] = _range(nest, op, ranges, contents)
    return ranges


def _carried(nest: Nest, carry: int, ranges: list[Range], contents: dict[str, Range]) -> Range:
    """A sum grows by its addend in every iteration; a maximum or the like settles; others can be anything."""
    op = nest.operations[carry]
    assert op.when is not None
    start, following = op.operands
    first = ranges[start]
    trial = [*ranges]
    guess = first
    for _ in range(_ROUNDS):
        trial[carry] = guess
        for number in range(carry + 1, following + 1):
            if nest.operations[number].kind == "carry":
                trial[number] = signed_range(nest.operations[number].bits)
            else:
                trial[number] = _range(nest, nest.operations[number], trial, contents)
        if _union(guess, trial[following]) == guess:
            return guess
        addend = _addend(nest, following, carry, trial)
        if addend is not None:
            times = prod(nest.sizes[op.when.level :]) - 1
            low, high = first[0] + min(0, addend[0] * times), first[1] + max(0, addend[1] * times)
            return _within((low, high), op.bits)
        guess = _union(guess, trial[following])
    return signed_range(op.bits)


def _addend(nest: Nest, number: int, carry: int, ranges: list[Range]) -> Range | None:
    """What is added to the carried value on the way to operation ``number``; None for anything but additions."""
    if number == carry:
        return (0, 0)
    op = nest.operations[number]
    if op.kind == "select":
        either = [_addend(nest, operand, carry, ranges) if operand >= carry else None for operand in op.operands[1:]]
        return _union(either[0], either[1]) if either[0] and either[1] else None
    if op.kind not in ("addi", "subi"):
        return None
    left, right = op.operands
    if not _reaches(nest, right, carry):
        before, (low, high) = _addend(nest, left, carry, ranges), ranges[right]
    elif op.kind == "addi" and not _reaches(nest, left, carry):
        before, (low, high) = _addend(nest, right, carry, ranges), ranges[left]
    else:
        return None
    if before is None:
        return None
    return (before[0] + low, before[1] + high) if op.kind == "addi" else (before[0] - high, before[1] - low)


def _reaches(nest: Nest, number: int, carry: int) -> bool:
    """Whether operation ``number`` depends on the carried value."""
    return number == carry or any(carry <= operand and _reaches(nest, operand, carry)
                                  for operand in nest.operations[number].operands if operand < number)  # fmt: skip


def _range(nest: Nest, op: Operation, ranges: list[Range], contents: dict[str, Range]) -> Range:
    if op.kind == "store":
        return ranges[op.operands[0]]
    if op.kind == "constant":
        return op.number, op.number
    if op.kind == "load":
        return contents[op.memory]
    if op.kind == "guard":
        return -1, 0
    if op.kind == "index":
        return op.indices[0].range(nest.sizes)
    return _within(_arithmetic(op, [ranges[operand] for operand in op.operands]), op.bits)


def _arithmetic(op: Operation, v: list[Range]) -> Range:
    whole = signed_range(op.bits)
    if op.kind == "addi":
        return v[0][0] + v[1][0], v[0][1] + v[1][1]
    if op.kind == "subi":
        return v[0][0] - v[1][1], v[0][1] - v[1][0]
    if op.kind == "muli":
        corners = [a * b for a in v[0] for b in v[1]]
        return min(corners), max(corners)
    if op.kind in ("extsi", "trunci"):
        return v[0]
    if op.kind == "extui":
        return v[0] if v[0][0] >= 0 else (0, (1 << op.number) - 1)
    if op.kind in ("shli", "shrsi") and v[1][0] == v[1][1] and 0 <= v[1][0] < op.bits:
        amount = v[1][0]
        return (v[0][0] << amount, v[0][1] << amount) if op.kind == "shli" else (v[0][0] >> amount, v[0][1] >> amount)
    if op.kind == "shrsi":
        return min(v[0][0], 0), max(v[0][1], 0)
    if op.kind in ("maxsi", "minsi"):
        pick = max if op.kind == "maxsi" else min
        return pick(v[0][0], v[1][0]), pick(v[0][1], v[1][1])
    if op.kind == "select":
        return _union(v[1], v[2])
    if op.kind == "absi":
        return (0 if v[0][0] < 0 else v[0][0]), max(-v[0][0], v[0][1])
    if op.kind in ("maxui", "minui"):
        return _union(v[0], v[1])
    if op.kind in ("andi", "ori", "xori"):  # bits beyond the wider operand's are copies of its sign
        return signed_range(max(signed_width(v[0]), signed_width(v[1])))
    return whole


def _within(values: Range, bits: int) -> Range:
    """``values`` if that width holds them; else they wrap, to anything."""
    low, high = signed_range(bits)
    return values if low <= values[0] and values[1] <= high else (low, high)


def _union(left: Range, right: Range) -> Range:
    return min(left[0], right[0]), max(left[1], right[1])
