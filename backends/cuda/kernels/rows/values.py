"""What a thread computes: values of the group's operations at a place, loaded or computed when they are asked for."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.elementary.emitter import from_lanes
from stepwell.backends.cuda.kernels.elementary.functions import like
from stepwell.backends.cuda.kernels.rows import access as access_
from stepwell.backends.cuda.kernels.rows.access import Access, terms
from stepwell.backends.cuda.kernels.rows.body import counting, emit
from stepwell.backends.cuda.kernels.rows.group import Group, Node, Operand
from stepwell.backends.cuda.kernels.rows.kept import Kept
from stepwell.backends.cuda.kernels.rows.layout import Layout
from stepwell.backends.cuda.kernels.rows.memory import Buffer
from stepwell.backends.cuda.kernels.rows.sizes import ONE, ZERO, Size
from stepwell.backends.cuda.kernels.word import Word, word

_ELSEWHERE = "a reduction's result that is used in other rows than its own"


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


class Values:
    """Evaluates a group in one thread.

    Args:
        buffers: of the function's arguments and results.
        sizes: numbers of sizes that are known at run time only.
        layout: how the elements are numbered.
    """

    def __init__(
        self,
        group: Group,
        buffers: Mapping[ir.Value, Buffer],
        sizes: Mapping[int, Word],
        layout: Layout,
    ) -> None:
        self.group, self.buffers, self.layout = group, buffers, layout
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
        arguments = [None if o is None else self._operand(node, o, position) for o in self._used(node)]
        terms = [term for join in node.joins for term in join.terms]
        steps = [step for join in node.joins for step in join.steps]
        return self._emit(node, arguments, position, terms, steps)

    def step_of(self, node: Node, position: Position, held: Sequence[ir.Value]) -> list[ir.Value]:
        """A reduction's results after one more term."""
        inputs = [None if o is None else self._operand(node, o, position) for o in self._used(node)[: node.inputs]]
        return self._emit(node, [*inputs, *held], position)

    def starts_of(self, node: Node, position: Position) -> list[ir.Value]:
        """What a reduction's results at ``position`` start from."""
        return [self._start(node, operand.source, position) for operand in node.operands[node.inputs :]]

    def prefetch(self, node: Node, position: Position) -> None:
        """Load what the operation, and those it needs, read from memory there."""
        for operand in self._used(node):
            if operand is None:
                continue
            access = self.access(node, operand, position)
            producer = self.group.producers.get(operand.source)
            if operand.source in self.buffers:
                self._load(operand.source, access, position)
            elif producer is not None and not producer.reduces and self._same(access, position):
                self.prefetch(producer, position)

    def provide(self, source: ir.Value, access: Access, position: Position, value: ir.Value) -> None:
        """Have ``value`` instead of a load."""
        self._memo[(source, access, position.key)] = [value]

    def access(self, node: Node, operand: Operand, position: Position) -> Access:
        """Where the operand's elements are."""
        key = (operand, node.op, position.row is not None)
        if key not in self._accesses:
            first = 0 if position.row is None else self.layout.cut(node)
            if first is None:
                raise self.group.refuse("operations on different rows", node.op)
            inner = terms(node.sizes[first:], operand.strides[first:])
            self._accesses[key] = Access(terms(node.sizes[:first], operand.strides[:first]), inner)
        return self._accesses[key]

    # -- values -------------------------------------------------------------------------------------------------------

    def _results(self, node: Node, position: Position) -> list[ir.Value]:
        key = (node.op, position.key)
        if key not in self._memo:
            arguments = [None if o is None else self._operand(node, o, position) for o in self._used(node)]
            self._memo[key] = self._emit(node, arguments, position)
        return self._memo[key]

    def _emit(
        self,
        node: Node,
        arguments: Sequence[ir.Value | None],
        position: Position,
        wanted: Sequence[ir.Value] = (),
        skip: Sequence[ir.Operation] = (),
    ) -> list[ir.Value]:
        def index(loop: int) -> ir.Value:
            return self._index(node, loop, position)

        return emit(node.body, arguments, index, position.lanes, self._outside, wanted, skip)

    def _used(self, node: Node) -> list[Operand | None]:
        """The operands that the body looks at; what a reduction starts from joins at the end."""
        used: list[Operand | None] = []
        for number, (operand, held) in enumerate(zip(node.operands, node.body.arguments, strict=True)):
            joined = node.reduces and number >= node.inputs
            used.append(operand if not joined and list(held.uses) else None)
        return used

    def _operand(self, node: Node, operand: Operand, position: Position) -> ir.Value:
        source = operand.source
        if source in self.group.filled:
            return self._outside(self.group.filled[source])
        if source in self.buffers:
            return self._load(source, self.access(node, operand, position), position)
        if source not in self.group.producers:
            if isinstance(source.type, ir.RankedTensorType):
                raise self.group.refuse("an operand that nothing computes", node.op)
            return self._outside(source)
        access = self.access(node, operand, position)
        if source in self.reduced:
            if not self._own(access, position):
                raise self.group.refuse(_ELSEWHERE, node.op)
            return self.reduced[source]
        if self._same(access, position):
            return self.result(source, position)
        if source in self.group.reduced and not self._own(access, position):
            raise self.group.refuse(_ELSEWHERE, node.op)
        return self._elsewhere(source, access, position)

    def _outside(self, value: ir.Value | ir.Attribute) -> ir.Value:
        """A number of the function, at the insertion point."""
        if isinstance(value, ir.Attribute):
            return arith.ConstantOp(value.type, value).result
        if value in self.group.numbers:
            return arith.index_castui(ir.IndexType.get(), self.known(self.group.numbers[value]).value)
        op = value.owner.operation
        operands = [self._outside(operand) for operand in op.operands]
        attributes = {name: op.attributes[name] for name in op.attributes}
        return ir.Operation.create(op.name, [value.type], operands, attributes, loc=op.location).results[0]

    def _start(self, node: Node, source: ir.Value, position: Position) -> ir.Value:
        if source in self.group.filled:
            return self._outside(self.group.filled[source])
        if source in self.buffers:
            return self.buffers[source].load(position.place, position.lanes)
        if source in self.group.producers:
            return self.result(source, position)
        raise self.group.refuse("a reduction that starts from nothing", node.op)

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
        return from_lanes(found)

    def _load(self, source: ir.Value, access: Access, position: Position) -> ir.Value:
        key = (source, access, position.key)
        if key not in self._memo:
            keeps = self.kept is not None and position.own is not None and self._same(access, position)
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
        numbers = [self._at(access, position, number).value for number in range(count)]
        first = from_lanes(numbers)
        if access.pattern(position.lanes) == "vector":
            first = counting(first, position.lanes)
        return arith.index_castui(like(first.type, ir.IndexType.get()), first)

    def _same(self, access: Access, position: Position) -> bool:
        return self.layout.same(access, in_row=position.row is not None)

    def _own(self, access: Access, position: Position) -> bool:
        return self.layout.own(access, in_row=position.row is not None)

    def _at(self, access: Access, position: Position, number: int) -> Word:
        place = position.place + number if number else position.place
        return access_.at(access, position.row, place, self.known)
