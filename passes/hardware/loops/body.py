"""Reads the operations of one loop body as plain data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch_mlir import ir

from stepwell.passes.hardware.loops.affine_index import NotAffineError, affine_of
from stepwell.passes.hardware.loops.memories import ReadMemories
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.loops.affine import Affine
from stepwell.support.loops.nest import Operation, When
from stepwell.support.widths import signed_width

ARITHMETIC = frozenset(
    {
        "addi", "subi", "muli", "andi", "ori", "xori", "shli", "shrsi", "shrui", "maxsi", "minsi", "maxui", "minui",
        "cmpi", "select", "extsi", "extui", "trunci", "absi",
    }
)  # fmt: skip
"""Operations of ``arith`` that a pipeline has, and one of ``math``."""
_ACCESSES = ("affine.load", "affine.store")
BITS, CYCLE = "stepwell.bits", "stepwell.cycle"


@dataclass(frozen=True)
class Origin:
    """The operation that an entry of a body was read from, and the attribute that has its cycle."""

    op: ir.Operation
    cycle: str = CYCLE


class CutError(Exception):
    """A loop must be two, the inner one of ``inner`` iterations, for an index to be affine."""

    def __init__(self, level: int, inner: int) -> None:
        super().__init__()
        self.level = level
        self.inner = inner


def refuse(op: ir.Operation, why: str, hint: str | None = None) -> UnsupportedError:
    """The error for an operation that no pipeline has."""
    return UnsupportedError(f"no pipeline for '{op.name}': {why}", where=describe_location(op.location), hint=hint)


class BodyReader:
    """Entries of a body in their order, whatever loops are around: ``sizes`` and ``guards`` say which."""

    def __init__(self, memories: ReadMemories) -> None:
        self.memories = memories
        self.sizes: list[int] = []
        self.guards: list[Affine] = []
        self.operations: list[Operation] = []
        self.origins: list[Origin | None] = []
        self.values: dict[ir.Value, int] = {}
        self.indices: dict[ir.Value, Affine] = {}

    def operation(self, op: ir.Operation, when: When | None) -> None:
        name = op.name.partition(".")[2]
        if op.name in _ACCESSES:
            self._access(op, when)
        elif op.name == "arith.constant":
            self._constant(op)
        elif op.name in ("affine.apply", "arith.index_cast") and isinstance(op.results[0].type, ir.IndexType):
            self.indices[op.results[0]] = self._affine(op)
        elif op.name == "arith.index_cast":
            index = self.index(op.operands[0], op)
            kind = Operation("index", self._bits(op.results[0], op), indices=(index,))
            self.values[op.results[0]] = self.add(kind, Origin(op))
        elif op.name.startswith(("arith.", "math.")) and name in ARITHMETIC:
            operands = tuple(self.value(operand, op) for operand in op.operands)
            number = 0
            if name == "cmpi":
                number = ir.IntegerAttr(op.attributes["predicate"]).value
            elif name in ("extui", "shrui", "shrsi", "maxui", "minui"):
                number = ir.IntegerType(op.operands[0].type).width
            kind = Operation(name, self._bits(op.results[0], op), operands, number=number)
            self.values[op.results[0]] = self.add(kind, Origin(op))
        else:
            known = ", ".join(sorted(ARITHMETIC))
            raise refuse(op, "a pipeline has no such operation", f"it has affine loads and stores and {known}")

    def _access(self, op: ir.Operation, when: When | None) -> None:
        try:
            name, indices = self.memories.access(op, lambda value: self.index(value, op), tuple(self.sizes))
        except NotAffineError as failure:
            raise self._cut_or_refuse(op, failure) from None
        memory, guards = self.memories[name], tuple(self.guards)
        if op.name == "affine.load":
            kind = Operation("load", memory.bits, memory=name, indices=indices, guards=guards)
            self.values[op.results[0]] = self.add(kind, Origin(op))
        else:
            operand = self.value(op.operands[0], op)
            store = Operation("store", memory.bits, (operand,), memory=name, indices=indices, when=when, guards=guards)
            self.add(store, Origin(op))

    def _cut_or_refuse(self, op: ir.Operation, failure: NotAffineError) -> Exception:
        return CutError(*failure.cut) if failure.cut else refuse(op, str(failure))

    def _affine(self, op: ir.Operation) -> Affine:
        if op.name == "arith.index_cast":
            raise refuse(op, "an index that is computed from data", "indices are affine in the loops around")
        operands = [self.index(value, op) for value in op.operands]
        (expression,) = ir.AffineMapAttr(op.attributes["map"]).value.results
        try:
            return affine_of(expression, operands, tuple(self.sizes))
        except NotAffineError as failure:
            raise self._cut_or_refuse(op, failure) from None

    def _constant(self, op: ir.Operation) -> None:
        value = op.attributes["value"]
        if not isinstance(value, ir.IntegerAttr):
            raise refuse(op, f"it is of type {op.results[0].type}", "a pipeline computes with integers")
        if isinstance(op.results[0].type, ir.IndexType):
            self.indices[op.results[0]] = Affine((), value.value)
            return
        number = -1 if ir.IntegerType(op.results[0].type).width == 1 and value.value else value.value
        self.values[op.results[0]] = self.add(
            Operation("constant", signed_width((number, number)), number=number), Origin(op)
        )

    def add(self, operation: Operation, origin: Origin | None) -> int:
        if origin is not None:
            noted = origin.op.attributes
            cycle = ir.IntegerAttr(noted[origin.cycle]).value if origin.cycle in noted else 0
            operation = replace(operation, cycle=cycle, location=describe_location(origin.op.location))
        self.operations.append(operation)
        self.origins.append(origin)
        return len(self.operations) - 1

    def _bits(self, value: ir.Value, op: ir.Operation) -> int:
        if not isinstance(value.type, ir.IntegerType):
            raise refuse(op, f"its result is {value.type}", "a pipeline computes with integers")
        width = int(value.type.width)
        return min(width, ir.IntegerAttr(op.attributes[BITS]).value) if BITS in op.attributes else width

    def alias(self, value: ir.Value, other: ir.Value, op: ir.Operation) -> None:
        self.values[value] = self.value(other, op)

    def value(self, value: ir.Value, op: ir.Operation) -> int:
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

    def index(self, value: ir.Value, op: ir.Operation) -> Affine:
        if value not in self.indices and isinstance(value, ir.OpResult):
            maker = value.owner.operation
            if maker.name == "arith.constant":
                self._constant(maker)
            elif maker.name == "affine.apply":  # in the body of a loop around several nests
                self.indices[value] = self._affine(maker)
        if value not in self.indices:
            raise refuse(op, "an index that is not affine in the loops around")
        return self.indices[value]
