"""When a buffer is in use: intervals over the operations of a function in program order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from torch_mlir import ir

from stepwell.passes.buffer.views import VIEWS

#: Operations that look at a buffer's descriptor but not at its memory.
_NO_ACCESS = VIEWS | {"memref.dim", "memref.rank", "memref.dealloc", "memref.extract_strided_metadata"}
LOOPS = frozenset({"scf.for", "scf.while", "affine.for"})
PARALLEL = frozenset({"scf.forall", "scf.parallel", "affine.parallel", "gpu.launch"})


@dataclass(frozen=True)
class Interval:
    """From the first to the last access, both included, as positions in program order."""

    first: int
    last: int

    def overlaps(self, other: Interval) -> bool:
        """Whether both are in use at some position."""
        return self.first <= other.last and other.first <= self.last


class Liveness:
    """Positions, aliases and accesses of the buffers of one function.

    Aliasing is a partition: values that may share memory are in one class. It follows views, ``arith.select``, and
    what enters and leaves regions; a call's results may alias its operands.
    """

    def __init__(self, function: ir.Operation) -> None:
        self._start: dict[ir.Operation, int] = {}
        self._end: dict[ir.Operation, int] = {}
        self._parent: dict[ir.Value, ir.Value] = {}
        self._members: dict[ir.Value, list[ir.Value]] = {}
        self._operations: list[ir.Operation] = []
        self._number(function)
        for op in self._operations:
            self._relate(op)
        for value in list(self._parent):
            self._members.setdefault(self._find(value), []).append(value)

    def operations(self, name: str) -> list[ir.Operation]:
        """The operations called ``name``, in program order."""
        return [op for op in self._operations if op.name == name]

    def aliases(self, value: ir.Value) -> list[ir.Value]:
        """All values that may share memory with ``value``, itself included."""
        return self._members.get(self._find(value), [value])

    def interval(self, value: ir.Value) -> Interval | None:
        """The interval in which the memory of ``value``, made by an allocation, must not be given to another buffer.

        None if one piece of memory is not enough: the buffer leaves an iteration of a loop, or the function.
        """
        owner = value.owner.operation
        lift = _Lift([owner, *self.enclosing(owner)])
        accesses: list[ir.Operation] = []
        for alias in self.aliases(value):
            if isinstance(alias, ir.BlockArgument):
                holder = alias.owner.owner.operation
                if holder.name == "func.func" or (holder.name in LOOPS and self._inside(owner, holder)):
                    return None
            for use in alias.uses:
                user = use.owner.operation
                if user.name == "func.return":
                    return None
                if user.name in _NO_ACCESS:
                    continue
                lifted = lift(user)
                if lifted is None:
                    return None
                accesses.append(lifted)
        accesses = accesses or [owner]
        return Interval(min(self._start[op] for op in accesses), max(self._end[op] for op in accesses))

    def enclosing(self, op: ir.Operation) -> Iterator[ir.Operation]:
        """The operations around ``op``, innermost first."""
        parent = op.parent
        while parent is not None and parent.operation in self._start:
            yield parent.operation
            parent = parent.operation.parent

    def _inside(self, op: ir.Operation, region_op: ir.Operation) -> bool:
        return self._start[region_op] < self._start[op] and self._end[op] < self._end[region_op]

    def _number(self, function: ir.Operation) -> None:
        position = 0

        def visit(op: ir.Operation) -> None:
            nonlocal position
            self._start[op] = position
            self._operations.append(op)
            position += 1
            for region in op.regions:
                for block in region:
                    for inner in block.operations:
                        visit(inner.operation)
            self._end[op] = position
            position += 1

        visit(function)

    def _relate(self, op: ir.Operation) -> None:
        results = [result for result in op.results if _is_buffer(result)]
        for value in results:
            self._parent.setdefault(value, value)
        if not results and not op.regions:
            return  # most operations: to list their operands takes long
        operands = [operand for operand in op.operands if _is_buffer(operand)]
        carried = [argument for region in op.regions for block in region for argument in block.arguments]
        carried = [argument for argument in carried if _is_buffer(argument)]
        if op.name in ("memref.alloc", "memref.alloca", "func.func"):
            return
        if op.name == "scf.for":
            self._relate_for(op)
            return
        blocks = [block for region in op.regions for block in region] if results else []
        terminators = [list(block.operations)[-1].operation for block in blocks]
        leaving = [value for terminator in terminators for value in terminator.operands if _is_buffer(value)]
        group = [*results, *carried, *leaving, *(operands if results else [])]
        for value in group[1:]:
            self._union(group[0], value)

    def _relate_for(self, op: ir.Operation) -> None:
        body = op.regions[0].blocks[0]
        yielded = list(body.operations)[-1].operation.operands
        for index, result in enumerate(op.results):
            if _is_buffer(result):
                for value in (body.arguments[index + 1], yielded[index], op.operands[index + 3]):
                    self._union(result, value)

    def _find(self, value: ir.Value) -> ir.Value:
        self._parent.setdefault(value, value)
        while self._parent[value] != value:
            self._parent[value] = self._parent[self._parent[value]]
            value = self._parent[value]
        return value

    def _union(self, one: ir.Value, other: ir.Value) -> None:
        self._parent[self._find(other)] = self._find(one)


class _Lift:
    """From a user to the operation around it (or itself) that stands in a block around an owner.

    None where that is on the other side of a loop, or nowhere. ``around`` is the owner and what encloses it.
    """

    def __init__(self, around: list[ir.Operation]) -> None:
        self._root = around[-1]
        self._within: dict[ir.Block, bool] = {}  # whether a loop is between the owner and the block
        crossed = False
        for op, outer in pairwise(around):
            self._within.setdefault(op.block, crossed)
            crossed = crossed or outer.name in LOOPS | PARALLEL
        self._known: dict[ir.Block, ir.Operation | None] = {}

    def __call__(self, user: ir.Operation) -> ir.Operation | None:
        block = user.block
        crossed = self._within.get(block)
        if crossed is not None:
            return None if crossed else user
        if block not in self._known:
            around = block.owner.operation
            self._known[block] = None if around == self._root else self(around)
        return self._known[block]


def _is_buffer(value: ir.Value) -> bool:
    return isinstance(value.type, ir.MemRefType)


def in_parallel(op: ir.Operation) -> bool:
    """Whether ``op`` is inside of a parallel loop."""
    parent = op.parent
    while parent is not None:
        if parent.operation.name in PARALLEL:
            return True
        parent = parent.operation.parent
    return False
