"""One thread an element: whatever the elements of a result are computed from, sums over other dimensions included."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, memref, scf

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.evaluate import Elements
from stepwell.backends.cuda.kernels.launch import Launch, Values, in_memory
from stepwell.passes.buffer.entry import return_op
from stepwell.passes.tensor import index as ix


def build_points(function: ir.Operation, name: str, threads: int) -> Launch:
    """The kernel ``name`` at the insertion point, from a function that takes its results' destinations last."""
    block = function.regions[0].blocks[0]
    results = list(return_op(function.opview).operands)
    kinds = [in_memory(argument.type) for argument in block.arguments]
    kernel = gpu.GPUFuncOp(ir.FunctionType.get(kinds, []), name, kernel=True, known_block_size=[threads, 1, 1])
    entry = kernel.add_entry_block()
    with ir.InsertionPoint(entry):
        values = dict(zip(block.arguments, entry.arguments, strict=True))
        targets = list(entry.arguments)[len(kinds) - len(results) :]
        groups: dict[tuple[int, ...], list[int]] = {}
        for number, target in enumerate(targets):
            groups.setdefault(tuple(ir.MemRefType(target.type).shape), []).append(number)
        position = _position(threads, narrow=all(map(_is_small, targets)))
        for numbers in groups.values():
            _store_all(values, [results[i] for i in numbers], [targets[i] for i in numbers], position)
        gpu.return_([])

    def grid(arguments: Values) -> Values:
        blocks: ir.Value | None = None
        for target in arguments[len(kinds) - len(results) :]:
            count = ix.value(ix.product(ix.sizes_of(target)))
            needed = arith.ceildivui(count, ix.value(threads))
            blocks = needed if blocks is None else arith.maxui(blocks, needed)
        # A grid must not be empty: no elements still launch one block, whose threads do nothing.
        one = ix.value(1)
        return [one if blocks is None else arith.maxui(blocks, one), one, one]

    return Launch(grid, threads)


def _is_small(target: ir.Value) -> bool:
    """Whether the numbers of elements, and of threads that have none, are known to fit 32 bits."""
    kind = ir.MemRefType(target.type)
    return bool(kind.has_static_shape and prod(kind.shape) < 1 << 31)


def _position(threads: int, *, narrow: bool) -> ir.Value:
    """The number of the thread; ``narrow`` if 32 bits hold it, which divisions by sizes are done in then."""
    if narrow:
        return arith.index_castui(ir.IndexType.get(), (isa.block() * threads + isa.thread()).value)
    block, thread = gpu.block_id(gpu.Dimension.x), gpu.thread_id(gpu.Dimension.x)
    return arith.addi(arith.muli(block, ix.value(threads)), thread)


def _store_all(
    values: dict[ir.Value, ir.Value], results: Sequence[ir.Value], targets: Sequence[ir.Value], position: ir.Value
) -> None:
    """Store the element at ``position`` of results of one shape."""
    sizes = ix.sizes_of(targets[0])
    inside = scf.IfOp(arith.cmpi(arith.CmpIPredicate.ult, position, ix.value(ix.product(sizes))))
    with ir.InsertionPoint(inside.then_block):
        indices = ix.split(position, sizes)
        elements = Elements(values)
        made: list[tuple[ir.Value, ir.Value]] = [
            (elements.element(result, indices), target) for result, target in zip(results, targets, strict=True)
        ]
        for number, target in made:
            memref.store(number, target, [ix.value(index) for index in indices])
        scf.YieldOp([])
