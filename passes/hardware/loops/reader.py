"""Reads functions of affine loops over memrefs as plain data (:mod:`stepwell.support.loops.nest`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod

from torch_mlir import ir

from stepwell.passes.hardware.loops.affine_index import add, deepened, trip_within
from stepwell.passes.hardware.loops.body import CYCLE, BodyReader, CutError, Origin, refuse
from stepwell.passes.hardware.loops.memories import JoinError, ReadMemories, read_memories
from stepwell.passes.hardware.loops.paths import Path, paths_of
from stepwell.passes.hardware.loops.tools import LOOP, body_of, is_inside, terminator_of
from stepwell.support.locations import describe_location
from stepwell.support.loops.affine import Affine
from stepwell.support.loops.banks import split_for_banks
from stepwell.support.loops.copies import assign
from stepwell.support.loops.nest import CHAINED, Nest, Operation, Program, Round, When
from stepwell.support.loops.trips import ENUMERATED
from stepwell.support.walk import named

INTERVAL, REASON = "stepwell.interval", "stepwell.reason"


@dataclass
class Loops:
    """A program and the operations that it was read from."""

    program: Program
    memories: ReadMemories
    #: For each nest its outermost loop that is no other's (None for straight code), and where its body comes from.
    loops: list[ir.Operation | None] = field(default_factory=list)
    bodies: list[list[Origin | None]] = field(default_factory=list)


def read_loops(root: ir.Operation) -> Loops:
    """The nests of ``root``, a function or a ``stream.loops``, with what passes have noted on them.

    Raises:
        UnsupportedError: says which loop or operation can't be a pipeline, and why.
    """
    joined: set[str] = set()
    while True:
        try:
            return _read(root, read_memories(root, frozenset(joined)))
        except JoinError as failure:
            joined.add(failure.memory)


def _read(root: ir.Operation, memories: ReadMemories) -> Loops:
    numbers = {loop: n for n, loop in enumerate(named(root, LOOP))}
    nests, loops, bodies = [], [], []
    for path in paths_of(root):
        reader = _NestReader.of(path, memories, numbers)
        known = {m.name: m for m in memories.all}
        nests.append(assign(split_for_banks(reader.nest, known), known))
        loops.append(path[-1].loop)
        bodies.append(reader.origins)
    return Loops(Program(tuple(memories.all), tuple(nests)), memories, loops, bodies)


class _NestReader(BodyReader):
    """One nest. Loops of one iteration are left out; what is not innermost happens in first or last iterations."""

    @staticmethod
    def of(path: Path, memories: ReadMemories, numbers: dict[ir.Operation, int]) -> _NestReader:
        """Read ``path``; loops are cut in two until all indices are affine in them."""
        cuts: dict[ir.Operation, list[int]] = {}
        while True:
            reader = _NestReader(memories, cuts)
            try:
                reader.nest = reader.read(path, numbers)
                return reader
            except CutError as cut:
                loop, part = reader.parts[cut.level]
                sizes = cuts.get(loop, [reader.sizes[cut.level]])
                cuts[loop] = [*sizes[:part], sizes[part] // cut.inner, cut.inner, *sizes[part + 1 :]]

    nest: Nest

    def __init__(self, memories: ReadMemories, cuts: dict[ir.Operation, list[int]]) -> None:
        super().__init__(memories)
        self.cuts = cuts
        #: For each level its loop, and which of the parts that this is cut into.
        self.parts: list[tuple[ir.Operation, int]] = []
        self.trips: list[tuple[Affine, ...]] = []
        self.rounds: list[Round] = []

    def read(self, path: Path, numbers: dict[ir.Operation, int]) -> Nest:
        """The nest of a path; ``numbers``: of loops."""
        self._level(path, 0, numbers)
        levels = len(self.sizes)
        operations = tuple(
            replace(op, indices=tuple(deepened(index, levels) for index in op.indices),
                    guards=tuple(deepened(guard, levels) for guard in op.guards))
            for op in self.operations
        )  # fmt: skip
        interval, reason = 1, ""
        loop = path[-1].loop
        if loop is not None and INTERVAL in loop.attributes:
            interval = ir.IntegerAttr(loop.attributes[INTERVAL]).value
            reason = ir.StringAttr(loop.attributes[REASON]).value if REASON in loop.attributes else ""
        where = describe_location((loop or path[-1].before[0]).location)
        trips = tuple(tuple(deepened(trip, levels) for trip in found) for found in self.trips)
        # Nests that have turns take the same time in each; what can't be enumerated is not counted.
        skips = any(trips) and not self.rounds and prod(self.sizes) <= ENUMERATED
        return Nest(tuple(self.sizes), operations, interval, reason, where, tuple(self.rounds), trips if skips else ())

    def _level(self, path: Path, level: int, numbers: dict[ir.Operation, int]) -> None:
        """What stands in the body of the loop before in ``path``, as far as it is part of this nest."""
        (here, *inner) = path
        if not inner:
            self._sequence([*here.before, *([here.loop] if here.loop else []), *here.after], level)
            return
        loop = here.loop
        assert loop is not None
        if loop.results:
            raise refuse(loop, "it carries a value through several loops inside", "keep it in a memory")
        for op in here.before:
            self.operation(op, When("first", level))

        def inside(deeper: int) -> None:
            if deeper > level:
                self.rounds.append(Round(numbers[loop], deeper))
            self._level(inner, deeper, numbers)

        self._loop(loop, level, here.before, inside)
        for op in here.after:
            self.operation(op, When("last", level))

    def _sequence(self, ops: list[ir.Operation], level: int) -> None:
        """The operations of one body, of which at most one is a loop."""
        place = next((n for n, op in enumerate(ops) if op.name == LOOP), None)
        for n, op in enumerate(ops):
            if n == place:
                self._loop(op, level, ops[:n], partial(self._sequence, body_of(op)))
            else:
                end = None if place is None else When("first" if n < place else "last", level)
                self.operation(op, end)

    def _loop(self, op: ir.Operation, level: int, before: list[ir.Operation], inside: Callable[[int], None]) -> None:
        """``inside`` reads the body, which begins at the level that it is given."""
        found = trip_within(op, lambda value: self.index(value, op), tuple(self.sizes))
        self._check_loads(op, before)
        variable, *carried = op.regions[0].blocks[0].arguments
        yields = list(terminator_of(op).operands)
        inits = list(op.operands)[len(op.operands) - len(carried) :]
        sizes = self.cuts.get(op, [found.size] if found.size > 1 else [])
        strides = [prod(sizes[part + 1 :]) for part in range(len(sizes))]
        self.sizes += sizes
        self.parts += [(op, part) for part in range(len(sizes))]
        self.trips += [found.lengths] if len(sizes) == 1 else [()] * len(sizes)
        own = [Affine((*g.coefficients[:level], *(g.coefficients[level] * s for s in strides)), g.constant)
               for g in found.guards]  # fmt: skip
        steps = Affine((*[0] * level, *(found.step * stride for stride in strides)))
        self.indices[variable] = add(found.first, steps)
        passed = []
        if sizes:
            passed = self._carries(op, level, carried, inits, yields)
        else:
            for argument, init in zip(carried, inits, strict=True):
                self.alias(argument, init, op)
        self.guards += own
        inside(level + len(sizes))
        del self.guards[len(self.guards) - len(own) :]
        for place, (result, argument, value) in enumerate(zip(op.results, carried, yields, strict=True)):
            self.values[result] = self.value(value, op)
            if own:
                self.values[result] = self._kept(op, own, self.values[result], self.values[argument], place)
        for number, result in passed:
            following = self.values[result]
            start = self.operations[number].operands[0]
            bits = max(self.operations[start].bits, self.operations[following].bits)
            self.operations[number] = replace(self.operations[number], operands=(start, following), bits=bits)

    def _kept(self, op: ir.Operation, guards: list[Affine], following: int, before: int, place: int) -> int:
        """What is carried on: what an iteration computes if it counts, else what it began with."""
        made = self.operations[following]
        if made.kind in CHAINED and not made.chained:
            self.operations[following] = replace(made, chained=True)
        counts = self.add(Operation("guard", 1, guards=tuple(guards)), None)
        start = self.operations[before]
        if start.kind == "carry":
            start = self.operations[start.operands[0]]
        bits = max(made.bits, start.bits)
        end = terminator_of(op)
        return self.add(Operation("select", bits, (counts, following, before)), Origin(end, f"{CYCLE}.{place}"))

    def _carries(
        self, op: ir.Operation, level: int, carried: list[ir.Value], inits: list[ir.Value], yields: list[ir.Value]
    ) -> list[tuple[int, ir.Value]]:
        """An entry for each value that goes on to the next iteration, and the result that is this value; those of
        nested loops are one."""
        inner = next((other for other in body_of(op) if other.name == LOOP), None)
        passed = []
        for argument, init, value, result in zip(carried, inits, yields, op.results, strict=True):
            if inner is not None and not _goes_around(argument, value, inner):
                raise refuse(
                    op, "it carries a value that changes before or behind the loop inside", "keep it in a memory"
                )
            start = self.values.get(init)
            if start is not None and self.operations[start].kind == "carry" and level:
                self.values[argument] = start  # the loop around carries it
                continue
            kind = Operation("carry", 1, (self.value(init, op), -1), when=When("first", level))
            self.values[argument] = self.add(kind, None)
            passed.append((self.values[argument], result))
        return passed

    def _check_loads(self, loop: ir.Operation, before: list[ir.Operation]) -> None:
        """What is read before a loop and used in it is read again in every iteration: nobody may write to it there."""
        written = {store.operands[1] for store in named(loop, "affine.store")}
        for op in before:
            changes = op.name == "affine.load" and op.operands[0] in written
            if changes and any(is_inside(use.owner.operation, loop) for use in op.results[0].uses):
                raise refuse(op, "the loop behind it writes to what it reads, and uses what it has read")


def _goes_around(argument: ir.Value, value: ir.Value, inner: ir.Operation) -> bool:
    """Whether an outer loop's carried value only goes through the loop inside."""
    first = len(inner.operands) - len(inner.results)
    if not isinstance(value, ir.OpResult) or value.owner.operation != inner:
        return False
    return bool(inner.operands[first + value.result_number] == argument) and len(list(argument.uses)) == 1
