"""What a thread computes: values of the group's operations at a place, loaded or computed when they are asked for."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from stepwell.backends.cuda.kernels.rows import access as access_
from stepwell.backends.cuda.kernels.rows.access import Access, Term, terms
from stepwell.backends.cuda.kernels.rows.body import constant, counting, emit
from stepwell.backends.cuda.kernels.rows.group import Group, Node, Operand
from stepwell.backends.cuda.kernels.rows.kept import Kept
from stepwell.backends.cuda.kernels.rows.memory import Buffer
from stepwell.backends.cuda.kernels.rows.sizes import ONE, ZERO, Size, product
from stepwell.backends.cuda.kernels.word import Word, word


@dataclass(frozen=True)
class Position:
    """Neighbouring elements of an operation.

    Attributes:
        key: equal for equal positions.
        place: the number of the first one, a multiple of ``lanes``: within the row, or of all elements without one.
        lanes: how many.
        row: the number of the row.
        own: where the thread keeps its part of the row.
    """

    key: Hashable
    place: Word
    lanes: int
    row: Word | None = None
    own: Word | None = None


@dataclass(frozen=True)
class Planes:
    """Elements that are reduced along the middle one of three sizes."""

    count: Size
    rows: Size
    columns: Size

    @property
    def total(self) -> Size:
        return self.count * self.rows * self.columns


class Values:
    """Evaluates a group in one thread.

    Args:
        buffers: of the function's arguments and results.
        sizes: numbers of sizes that are known at run time only.
        rows: how many rows there are that are reduced, and how many elements a row has.
        planes: what is reduced instead.
    """

    def __init__(
        self,
        group: Group,
        buffers: Mapping[ir.Value, Buffer],
        sizes: Mapping[int, Word],
        rows: tuple[Size, Size] | None = None,
        planes: Planes | None = None,
    ) -> None:
        self.group, self.buffers, self.rows, self.planes = group, buffers, rows, planes
        self.reduced: dict[ir.Value, ir.Value] = {}
        self.kept: Kept | None = None
        self._sizes = sizes
        self._memo: dict[Hashable, list[ir.Value]] = {}
        self._accesses: dict[tuple[Operand, ir.Operation, bool], Access] = {}

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What is computed inside, in a region, is not seen outside."""
        outside = dict(self._memo)
        yield
        self._memo = outside

    def known(self, size: Size) -> Word:
        """A size as a number of the kernel."""
        size = self.group.symbols.resolve(size)
        total = word(size.factor)
        for symbol in size.symbols:
            total = total * self._sizes[symbol]
        return total

    def result(self, value: ir.Value, position: Position) -> ir.Value:
        """Elements of an operation's result; a reduction's where it is known."""
        if value in self.reduced:
            return self.reduced[value]
        node = self.group.producers[value]
        return self._results(node, position)[list(node.op.results).index(value)]

    def terms_of(self, node: Node, position: Position) -> list[ir.Value]:
        """What a reduction joins."""
        return self._emitted(node, position, skip=node.combiners)

    def prefetch(self, node: Node, position: Position) -> None:
        """Load what the operation, and those it needs, read from memory there."""
        for operand in self._used(node):
            if operand is None:
                continue
            access = self.access(node, operand, position)
            producer = self.group.producers.get(operand.source)
            if operand.source in self.buffers:
                self._load(operand.source, access, position)
            elif producer is not None and not producer.combiners and self._here(access, position):
                self.prefetch(producer, position)

    def provide(self, source: ir.Value, access: Access, position: Position, value: ir.Value) -> None:
        """Have ``value`` instead of a load."""
        self._memo[(source, access, position.key)] = [value]

    def access(self, node: Node, operand: Operand, position: Position) -> Access:
        """Where the operand's elements are."""
        key = (operand, node.op, position.row is not None)
        if key not in self._accesses:
            first = self._first_inner(node) if position.row is not None else 0
            inner = terms(node.sizes[first:], operand.strides[first:])
            self._accesses[key] = Access(terms(node.sizes[:first], operand.strides[:first]), inner)
        return self._accesses[key]

    def has_rows(self, node: Node) -> bool:
        """Whether the operation works on all elements of all rows."""
        return self._cut(node) is not None

    # -- values -------------------------------------------------------------------------------------------------------

    def _results(self, node: Node, position: Position) -> list[ir.Value]:
        key = (node.op, position.key)
        if key not in self._memo:
            self._memo[key] = self._emitted(node, position)
        return self._memo[key]

    def _emitted(self, node: Node, position: Position, skip: tuple[ir.Operation, ...] = ()) -> list[ir.Value]:
        arguments = [None if o is None else self._operand(node, o, position) for o in self._used(node)]
        return emit(node.body, arguments, lambda loop: self._index(node, loop, position), position.lanes, skip)

    def _used(self, node: Node) -> list[Operand | None]:
        """The operands that the body looks at; what a reduction starts from joins at the end."""
        used: list[Operand | None] = []
        for number, (operand, held) in enumerate(zip(node.operands, node.body.arguments, strict=True)):
            joined = node.combiners and number >= node.inputs
            used.append(operand if not joined and list(held.uses) else None)
        return used

    def _operand(self, node: Node, operand: Operand, position: Position) -> ir.Value:
        source = operand.source
        if source in self.group.filled:
            return constant(self.group.filled[source])
        if source in self.buffers:
            return self._load(source, self.access(node, operand, position), position)
        if source not in self.group.producers:
            if isinstance(source.type, ir.RankedTensorType):
                raise self.group.refuse("an operand that nothing computes", node.op)
            return constant(source)
        access = self.access(node, operand, position)
        if source in self.reduced:
            if not self._own(access, position):
                raise self.group.refuse("a reduction's result that what it does not depend on uses", node.op)
            return self.reduced[source]
        if self._here(access, position):
            return self.result(source, position)
        return self._elsewhere(source, access, position)

    def _elsewhere(self, source: ir.Value, access: Access, position: Position) -> ir.Value:
        """A smaller result that this one repeats, computed where it is used."""
        pattern = access.pattern(position.lanes)
        lanes = position.lanes if pattern == "vector" else 1
        count = position.lanes if pattern == "apart" else 1
        found = []
        for number in range(count):
            offset = self._at(access, position, number)
            key = (access, position.key, number, lanes)
            found.append(self.result(source, Position(key, offset, lanes)))
        return found[0] if count == 1 else _vector(found)

    def _load(self, source: ir.Value, access: Access, position: Position) -> ir.Value:
        key = (source, access, position.key)
        if key not in self._memo:
            keeps = self.kept is not None and position.own is not None and self._here(access, position)
            load = self._load_kept if keeps else self._load_global
            self._memo[key] = [load(source, access, position)]
        return self._memo[key][0]

    def _load_kept(self, source: ir.Value, access: Access, position: Position) -> ir.Value:
        assert self.kept is not None
        assert position.own is not None
        found = self.kept.load(source, position.own, position.lanes)
        if found is None:
            found = self._load_global(source, access, position)
            self.kept.store(source, position.own, found)
        return found

    def _load_global(self, source: ir.Value, access: Access, position: Position) -> ir.Value:
        buffer, pattern = self.buffers[source], access.pattern(position.lanes)
        if pattern == "apart":
            return buffer.gather([self._at(access, position, number) for number in range(position.lanes)])
        return buffer.load(self._at(access, position, 0), position.lanes if pattern == "vector" else 1)

    def _index(self, node: Node, loop: int, position: Position) -> ir.Value:
        """The number of an operation's own loop."""
        unit = Operand(node.op.results[0], tuple(ONE if own == loop else ZERO for own in node.order))
        access = self.access(node, unit, position)
        count = position.lanes if access.pattern(position.lanes) == "apart" else 1
        found = []
        for number in range(count):
            value = self._at(access, position, number).value
            found.append(arith.index_castui(ir.IndexType.get(), value))
        if count > 1:
            return _vector(found)
        return counting(found[0], position.lanes) if access.pattern(position.lanes) == "vector" else found[0]

    def _at(self, access: Access, position: Position, number: int) -> Word:
        place = position.place + number if number else position.place
        return access_.at(access, position.row, place, self.known)

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _here(self, access: Access, position: Position) -> bool:
        """Whether the operand's elements have the same numbers as the operation's own."""
        if position.row is None or self.rows is None:
            return access.plain or not (access.inner or access.outer)
        count, length = self.rows
        by_row = access.outer == (Term(ONE, None, length),) or count == ONE
        return by_row and (access.plain or length == ONE)

    def _own(self, access: Access, position: Position) -> bool:
        """Whether a reduction's result is that of the elements' own row or column."""
        if self.planes is not None:
            sizes = (self.planes.count, self.planes.rows, self.planes.columns)
            return access.plain or access.inner == terms(sizes, (self.planes.columns, ZERO, ONE))
        assert self.rows is not None
        if position.row is None:
            return access.plain or self.rows[0] == ONE
        return not access.inner and (access.outer == (Term(ONE, None, ONE),) or self.rows[0] == ONE)

    def _first_inner(self, node: Node) -> int:
        first = self._cut(node)
        if first is None:
            raise self.group.refuse("operations on different rows", node.op)
        return first

    def _cut(self, node: Node) -> int | None:
        """The first loop that runs within a row."""
        assert self.rows is not None
        resolve = self.group.symbols.resolve
        for first in range(len(node.sizes) + 1):
            parts = resolve(product(node.sizes[:first])), resolve(product(node.sizes[first:]))
            loops = enumerate(zip(node.sizes, node.reduced, strict=True))
            fits = all(size == ONE or reduced == (loop >= first) for loop, (size, reduced) in loops)
            if parts == self.rows and (fits or not node.combiners):
                return first
        return None


def _vector(found: list[ir.Value]) -> ir.Value:
    kind = ir.VectorType.get([len(found)], found[0].type)
    i32 = ir.IntegerType.get_signless(32)
    made = llvm.mlir_undef(kind)
    for number, value in enumerate(found):
        made = llvm.insertelement(made, value, arith.ConstantOp(i32, ir.IntegerAttr.get(i32, number)).result)
    return made
