"""Reads functions of affine loops over memrefs as plain data (:mod:`stepwell.support.loops.nest`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch_mlir import ir

from stepwell.passes.hardware.loops.affine_index import NotAffineError, affine_of, trip
from stepwell.passes.hardware.loops.memories import ReadMemories, read_memories
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.loops.banks import split_for_banks
from stepwell.support.loops.nest import Affine, Nest, Operation, Program, When
from stepwell.support.walk import named
from stepwell.support.widths import signed_width

ARITHMETIC = frozenset(
    {
        "addi", "subi", "muli", "andi", "ori", "xori", "shli", "shrsi", "shrui", "maxsi", "minsi", "maxui", "minui",
        "cmpi", "select", "extsi", "extui", "trunci", "absi",
    }
)  # fmt: skip
"""Operations of ``arith`` that a pipeline has, and one of ``math``."""
_ACCESSES = ("affine.load", "affine.store")
_SKIPPED = frozenset({"func.return", "memref.alloc", "memref.alloca", "memref.dealloc", "stream.return"})
BITS, CYCLE, INTERVAL, REASON = "stepwell.bits", "stepwell.cycle", "stepwell.interval", "stepwell.reason"


@dataclass
class Loops:
    """A program and the operations that it was read from."""

    program: Program
    memories: ReadMemories
    #: For each nest its outermost loop (None for straight code) and the operation of each entry of its body.
    loops: list[ir.Operation | None] = field(default_factory=list)
    bodies: list[list[ir.Operation | None]] = field(default_factory=list)


def read_loops(root: ir.Operation) -> Loops:
    """The nests of ``root``, a function or a ``stream.loops``, with what passes have noted on them.

    Raises:
        UnsupportedError: says which loop or operation can't be a pipeline, and why.
    """
    memories = read_memories(root)
    nests, loops, bodies = [], [], []
    for outermost, before, after in _segments(root):
        reader = _NestReader(memories)
        nests.append(split_for_banks(reader.read(outermost, before, after), {m.name: m for m in memories.all}))
        loops.append(outermost)
        bodies.append(reader.origins)
    return Loops(Program(tuple(memories.all), tuple(nests)), memories, loops, bodies)


def refuse(op: ir.Operation, why: str, hint: str | None = None) -> UnsupportedError:
    """The error for an operation that no pipeline has."""
    return UnsupportedError(f"no pipeline for '{op.name}': {why}", where=describe_location(op.location), hint=hint)


Segment = tuple[ir.Operation | None, list[ir.Operation], list[ir.Operation]]


def _segments(root: ir.Operation) -> list[Segment]:
    """Outermost loops, each with the operations before and behind it that go with it."""
    found: list[Segment] = []
    between: list[ir.Operation] = []
    for view in root.regions[0].blocks[0].operations:
        op = view.operation
        if op.name == "affine.for":
            before = between
            if found:  # up to the last store it belongs to the loop before
                stores = [n for n, other in enumerate(between) if other.name == "affine.store"]
                cut = stores[-1] + 1 if stores else 0
                found[-1][2].extend(between[:cut])
                before = between[cut:]
            found.append((op, before, []))
            between = []
        elif op.name not in _SKIPPED and not op.name.startswith("memref."):
            between.append(op)
    if found:
        found[-1][2].extend(between)
    elif any(op.name == "affine.store" for op in between):
        found.append((None, between, []))
    return found


class _NestReader:
    """One nest. Loops of one iteration are left out; what is not innermost happens in first or last iterations."""

    def __init__(self, memories: ReadMemories) -> None:
        self.memories = memories
        self.sizes: list[int] = []
        self.operations: list[Operation] = []
        self.origins: list[ir.Operation | None] = []
        self.values: dict[ir.Value, int] = {}
        self.indices: dict[ir.Value, Affine] = {}

    def read(self, loop: ir.Operation | None, before: list[ir.Operation], after: list[ir.Operation]) -> Nest:
        self._sequence([*before, *([loop] if loop else []), *after], 0)
        levels = len(self.sizes)
        operations = tuple(
            replace(op, indices=tuple(_deepened(index, levels) for index in op.indices)) for op in self.operations
        )
        interval, reason = 1, ""
        if loop is not None and INTERVAL in loop.attributes:
            interval = ir.IntegerAttr(loop.attributes[INTERVAL]).value
            reason = ir.StringAttr(loop.attributes[REASON]).value if REASON in loop.attributes else ""
        where = describe_location((loop or before[0]).location)
        return Nest(tuple(self.sizes), operations, interval, reason, where)

    def _sequence(self, ops: list[ir.Operation], level: int) -> None:
        """The operations of one body, of which at most one is a loop."""
        loops = [n for n, op in enumerate(ops) if op.name == "affine.for"]
        if len(loops) > 1:
            raise refuse(
                ops[loops[1]],
                "it is the second loop in the body of another",
                "one loop stands in another; move the second one into a nest of its own",
            )
        place = loops[0] if loops else len(ops)
        for n, op in enumerate(ops):
            if n == place:
                self._loop(op, level, ops[:n])
            elif op.name != "affine.yield":
                end = None if not loops else When("first" if n < place else "last", level)
                self._operation(op, end)

    def _loop(self, op: ir.Operation, level: int, before: list[ir.Operation]) -> None:
        first, step, size = trip(op)
        self._check_loads(op, before)
        body = op.regions[0].blocks[0]
        induction, *carried = body.arguments
        inside = [view.operation for view in body.operations]
        yields = list(inside[-1].operands)
        inits = list(op.operands)[len(op.operands) - len(carried) :]
        if size == 1:
            self.indices[induction] = Affine((), first)
            for argument, init in zip(carried, inits, strict=True):
                self._alias(argument, init, op)
            self._sequence(inside, level)
        else:
            self.sizes.append(size)
            self.indices[induction] = Affine((*[0] * level, step), first)
            passed = self._carries(op, level, list(carried), inits, yields, inside)
            self._sequence(inside, level + 1)
            for number, value in passed:
                following = self._value(value, op)
                start = self.operations[number].operands[0]
                bits = max(self.operations[start].bits, self.operations[following].bits)
                self.operations[number] = replace(self.operations[number], operands=(start, following), bits=bits)
        for result, value in zip(op.results, yields, strict=True):
            self._alias(result, value, op)

    def _carries(
        self, op: ir.Operation, level: int, carried: list[ir.Value], inits: list[ir.Value], yields: list[ir.Value],
        inside: list[ir.Operation],
    ) -> list[tuple[int, ir.Value]]:  # fmt: skip
        """An entry for each value that goes on to the next iteration; those of nested loops are one."""
        inner = next((other for other in inside if other.name == "affine.for" and trip(other)[2] > 1), None)
        passed = []
        for argument, init, value in zip(carried, inits, yields, strict=True):
            if inner is not None and not _goes_around(argument, value, inner):
                raise refuse(
                    op, "it carries a value that changes before or behind the loop inside", "keep it in a memory"
                )
            start = self.values.get(init)
            if start is not None and self.operations[start].kind == "carry" and level:
                self.values[argument] = start  # the loop around carries it
                continue
            kind = Operation("carry", 1, (self._value(init, op), -1), when=When("first", level))
            self.values[argument] = self._add(kind, None)
            passed.append((self.values[argument], value))
        return passed

    def _check_loads(self, loop: ir.Operation, before: list[ir.Operation]) -> None:
        """What is read before a loop and used in it is read again in every iteration: nobody may write to it there."""
        written = {store.operands[1] for store in named(loop, "affine.store")}
        for op in before:
            changes = op.name == "affine.load" and op.operands[0] in written
            if changes and any(_is_inside(use.owner.operation, loop) for use in op.results[0].uses):
                raise refuse(op, "the loop behind it writes to what it reads, and uses what it has read")

    def _operation(self, op: ir.Operation, when: When | None) -> None:
        name = op.name.partition(".")[2]
        if op.name in _ACCESSES:
            self._access(op, when)
        elif op.name == "arith.constant":
            self._constant(op)
        elif op.name in ("affine.apply", "arith.index_cast") and isinstance(op.results[0].type, ir.IndexType):
            self.indices[op.results[0]] = self._affine(op)
        elif op.name == "arith.index_cast":
            index = self._index(op.operands[0], op)
            kind = Operation("index", self._bits(op.results[0], op), indices=(index,))
            self.values[op.results[0]] = self._add(kind, op)
        elif op.name.startswith(("arith.", "math.")) and name in ARITHMETIC:
            operands = tuple(self._value(operand, op) for operand in op.operands)
            number = 0
            if name == "cmpi":
                number = ir.IntegerAttr(op.attributes["predicate"]).value
            elif name in ("extui", "shrui", "shrsi", "maxui", "minui"):
                number = ir.IntegerType(op.operands[0].type).width
            kind = Operation(name, self._bits(op.results[0], op), operands, number=number)
            self.values[op.results[0]] = self._add(kind, op)
        else:
            known = ", ".join(sorted(ARITHMETIC))
            raise refuse(op, "a pipeline has no such operation", f"it has affine loads and stores and {known}")

    def _access(self, op: ir.Operation, when: When | None) -> None:
        name, indices = self.memories.access(op, lambda value: self._index(value, op))
        memory = self.memories[name]
        if op.name == "affine.load":
            kind = Operation("load", memory.bits, memory=name, indices=indices)
            self.values[op.results[0]] = self._add(kind, op)
        else:
            operand = self._value(op.operands[0], op)
            self._add(Operation("store", memory.bits, (operand,), memory=name, indices=indices, when=when), op)

    def _affine(self, op: ir.Operation) -> Affine:
        if op.name == "arith.index_cast":
            raise refuse(op, "an index that is computed from data", "indices are affine in the loops around")
        operands = [self._index(value, op) for value in op.operands]
        (expression,) = ir.AffineMapAttr(op.attributes["map"]).value.results
        try:
            return affine_of(expression, operands)
        except NotAffineError as failure:
            raise refuse(op, str(failure)) from None

    def _constant(self, op: ir.Operation) -> None:
        value = op.attributes["value"]
        if not isinstance(value, ir.IntegerAttr):
            raise refuse(op, f"it is of type {op.results[0].type}", "a pipeline computes with integers")
        if isinstance(op.results[0].type, ir.IndexType):
            self.indices[op.results[0]] = Affine((), value.value)
            return
        number = -1 if ir.IntegerType(op.results[0].type).width == 1 and value.value else value.value
        self.values[op.results[0]] = self._add(Operation("constant", signed_width((number, number)), number=number), op)

    def _add(self, operation: Operation, origin: ir.Operation | None) -> int:
        if origin is not None:
            cycle = ir.IntegerAttr(origin.attributes[CYCLE]).value if CYCLE in origin.attributes else 0
            operation = replace(operation, cycle=cycle, location=describe_location(origin.location))
        self.operations.append(operation)
        self.origins.append(origin)
        return len(self.operations) - 1

    def _bits(self, value: ir.Value, op: ir.Operation) -> int:
        if not isinstance(value.type, ir.IntegerType):
            raise refuse(op, f"its result is {value.type}", "a pipeline computes with integers")
        width = int(value.type.width)
        return min(width, ir.IntegerAttr(op.attributes[BITS]).value) if BITS in op.attributes else width

    def _alias(self, value: ir.Value, other: ir.Value, op: ir.Operation) -> None:
        self.values[value] = self._value(other, op)

    def _value(self, value: ir.Value, op: ir.Operation) -> int:
        """The position of what makes ``value``."""
        if (
            value not in self.values
            and isinstance(value, ir.OpResult)
            and value.owner.operation.name == "arith.constant"
        ):
            self._constant(value.owner.operation)
        if value not in self.values:
            raise refuse(op, "it reads a value from outside of its nest", "pass it through a memory")
        return self.values[value]

    def _index(self, value: ir.Value, op: ir.Operation) -> Affine:
        if value not in self.indices and isinstance(value, ir.OpResult):
            maker = value.owner.operation
            if maker.name == "arith.constant":
                self._constant(maker)
        if value not in self.indices:
            raise refuse(op, "an index that is not affine in the loops around")
        return self.indices[value]


def _goes_around(argument: ir.Value, value: ir.Value, inner: ir.Operation) -> bool:
    """Whether an outer loop's carried value only goes through the loop inside."""
    first = len(inner.operands) - len(inner.results)
    if not isinstance(value, ir.OpResult) or value.owner.operation != inner:
        return False
    return bool(inner.operands[first + value.result_number] == argument) and len(list(argument.uses)) == 1


def _is_inside(op: ir.Operation, loop: ir.Operation) -> bool:
    parent = op.parent
    while parent is not None:
        if parent.operation == loop:
            return True
        parent = parent.operation.parent
    return False


def _deepened(index: Affine, levels: int) -> Affine:
    """``index`` with a coefficient for each of all loops."""
    return Affine((*index.coefficients, *[0] * (levels - len(index.coefficients))), index.constant)
