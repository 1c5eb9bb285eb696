"""Counts what a loop nest, a structured operation or a copy does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import prod

from torch_mlir import ir

from stepwell.passes.buffer.work.index_values import Known, UnknownError, evaluate, evaluate_map
from stepwell.passes.buffer.work.operations import accessed, element_bytes, flops_of
from stepwell.passes.tensor.structured import input_count, loops_of

# Operations visited for one nest before its work is given up as unknown.
_PATIENCE = 200_000

_ALIASES = frozenset(
    f"memref.{name}"
    for name in ("subview", "view", "cast", "reinterpret_cast", "collapse_shape", "expand_shape", "transpose")
)


@dataclass(frozen=True)
class Work:
    """What a piece of code does, each None where it depends on what is known only when the program runs.

    Attributes:
        flops: floating-point operations executed; a fused multiply-add is two, a function of ``math`` is one.
        read, written: bytes of the buffers outside of it that it touches, each byte once.
    """

    flops: int | None
    read: int | None
    written: int | None


@dataclass
class _Tally:
    flops: int = 0
    reads: dict[ir.Value, int] = field(default_factory=dict)
    writes: dict[ir.Value, int] = field(default_factory=dict)

    def add(self, other: _Tally, times: int = 1) -> None:
        self.flops += other.flops * times
        for mine, theirs in ((self.reads, other.reads), (self.writes, other.writes)):
            for buffer, count in theirs.items():
                mine[buffer] = mine.get(buffer, 0) + count * times


def count_work(op: ir.Operation) -> Work:
    """The work of ``op`` with all that is inside of it.

    Where a condition is not known, the branch with more operations counts; all lanes of a masked vector do.
    """
    try:
        tally = _Counter().operation(op, {})
    except UnknownError:
        return Work(None, None, None)
    return Work(tally.flops, _footprint(tally.reads), _footprint(tally.writes))


def _footprint(accesses: dict[ir.Value, int]) -> int | None:
    total = 0
    for buffer, count in accesses.items():
        type_ = ir.MemRefType(buffer.type)
        size = prod(type_.shape) * element_bytes(type_.element_type) if type_.has_static_shape else count
        total += min(size, count)
    return total


class _Counter:
    def __init__(self) -> None:
        self.left = _PATIENCE
        self.roots: dict[ir.Value, ir.Value | None] = {}

    def block(self, operations: Iterable[ir.OpView], known: Known) -> _Tally:
        tally = _Tally()
        for child in operations:
            tally.add(self.operation(child.operation, known))
        return tally

    def operation(self, op: ir.Operation, known: Known) -> _Tally:
        self.left -= 1
        if self.left < 0:
            raise UnknownError
        name = op.name
        if name in _LOOPS:
            return self.loop(op, _LOOPS[name](op, known), known)
        if name == "scf.if":
            return self.branch(op, known)
        if name == "scf.while":
            raise UnknownError
        if name.startswith("linalg.") and len(op.regions) == 1:
            return self.structured(op, known)
        tally = _Tally(flops_of(op))
        if name in _ALIASES:
            self.roots[op.results[0]] = self.root(op.operands[0])
        elif name in ("memref.alloc", "memref.alloca"):
            self.roots[op.results[0]] = None
        for buffer, bytes_, writes in accessed(op):
            self.touch(tally.writes if writes else tally.reads, buffer, bytes_)
        for region in op.regions:
            for block in region.blocks:
                tally.add(self.block(block.operations, known))
        return tally

    def loop(self, op: ir.Operation, ranges: list[range], known: Known) -> _Tally:
        block = op.regions[0].blocks[0]
        variables = list(block.arguments)[: len(ranges)]
        tally = _Tally()
        trips = prod(len(numbers) for numbers in ranges)
        if trips == 0:
            return tally
        try:
            tally.add(self.block(block.operations, known), trips)
        except UnknownError:  # sizes inside depend on where the loop is
            if trips > self.left:
                raise
            tally = _Tally()
            for point in _points(ranges):
                tally.add(self.block(block.operations, {**known, **dict(zip(variables, point, strict=True))}))
        return tally

    def branch(self, op: ir.Operation, known: Known) -> _Tally:
        bodies = [list(block.operations) for region in op.regions for block in region.blocks]
        try:
            taken = 0 if evaluate(op.operands[0], known) else 1
        except UnknownError:
            return max((self.block(body, known) for body in bodies), key=lambda tally: tally.flops)
        return self.block(bodies[taken], known) if taken < len(bodies) else _Tally()

    def structured(self, op: ir.Operation, known: Known) -> _Tally:
        loops = loops_of(op)
        if any(loop.size is None for loop in loops):
            raise UnknownError
        points = prod(loop.size or 0 for loop in loops)
        body = op.regions[0].blocks[0]
        tally = _Tally()
        tally.add(self.block(body.operations, known), points)
        inputs = input_count(op)
        for index, (operand, argument) in enumerate(zip(op.operands, body.arguments, strict=False)):
            if not isinstance(operand.type, ir.MemRefType):
                continue
            bytes_ = points * element_bytes(ir.MemRefType(operand.type).element_type)
            if next(iter(argument.uses), None) is not None:
                self.touch(tally.reads, operand, bytes_)
            if index >= inputs:
                self.touch(tally.writes, operand, bytes_)
        return tally

    def touch(self, accesses: dict[ir.Value, int], buffer: ir.Value, bytes_: int) -> None:
        root = self.root(buffer)
        if root is not None:
            accesses[root] = accesses.get(root, 0) + bytes_

    def root(self, buffer: ir.Value) -> ir.Value | None:
        """The buffer outside of the counted code that ``buffer`` is a view of; None for one made inside."""
        return self.roots.get(buffer, buffer)


def _points(ranges: list[range]) -> Iterable[tuple[int, ...]]:
    if not ranges:
        yield ()
        return
    for first in ranges[0]:
        for rest in _points(ranges[1:]):
            yield (first, *rest)


def _for(op: ir.Operation, known: Known) -> list[range]:
    low, high, step = (evaluate(operand, known) for operand in list(op.operands)[:3])
    return [range(low, high, step)]


def _parallel(op: ir.Operation, known: Known) -> list[range]:
    rank = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])[0]
    numbers = [evaluate(operand, known) for operand in list(op.operands)[: 3 * rank]]
    return [
        range(*bounds) for bounds in zip(numbers[:rank], numbers[rank : 2 * rank], numbers[2 * rank :], strict=True)
    ]


def _forall(op: ir.Operation, known: Known) -> list[range]:
    dynamic = iter(list(op.operands))
    lists = []
    for name in ("staticLowerBound", "staticUpperBound", "staticStep"):
        sizes = list(ir.DenseI64ArrayAttr(op.attributes[name]))
        unset = ir.ShapedType.get_dynamic_size()
        lists.append([evaluate(next(dynamic), known) if size == unset else int(size) for size in sizes])
    return [range(*bounds) for bounds in zip(*lists, strict=True)]


def _affine_for(op: ir.Operation, known: Known) -> list[range]:
    lower, upper = (ir.AffineMapAttr(op.attributes[name]).value for name in ("lowerBoundMap", "upperBoundMap"))
    operands = list(op.operands)
    split = lower.n_dims + lower.n_symbols
    low = max(evaluate_map(lower, operands[:split], known))
    high = min(evaluate_map(upper, operands[split : split + upper.n_dims + upper.n_symbols], known))
    return [range(low, high, ir.IntegerAttr(op.attributes["step"]).value)]


_LOOPS: dict[str, Callable[[ir.Operation, Known], list[range]]] = {
    "scf.for": _for,
    "scf.parallel": _parallel,
    "scf.forall": _forall,
    "affine.for": _affine_for,
}
