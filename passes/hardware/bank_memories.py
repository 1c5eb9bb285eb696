"""bank-memories: memories in parts, so that what a pipeline accesses at once is in different ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import functions
from stepwell.passes.hardware.loops.memories import BANKS, note, partition_text
from stepwell.passes.hardware.loops.reader import read_loops
from stepwell.support.loops.banks import fits, split_for_banks
from stepwell.support.loops.nest import Memory, Nest, Operation, Partition, Program


@dataclass
class BankMemories(Pass):
    """Choose for every dimension into how many banks it is cut, and how: neighbours apart (``cyclic``) or in runs.

    Of all partitions under which the bank of each access is known, the one with the fewest accesses of one kind to a
    bank in an iteration, and of these the one with the fewest banks. ``stepwell.banks`` has it.

    Attributes:
        limit: banks of a memory at most.
    """

    name: ClassVar[str] = "bank-memories"
    summary: ClassVar[str] = "partition memories so that accesses of one iteration hit different banks"
    anchor: ClassVar[str] = "builtin.module"

    limit: int = 64

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for function in functions(op):
            loops = read_loops(function.operation)
            for value, memory in loops.memories:
                best = min(
                    _candidates(memory, loops.program, self.limit), key=lambda banked: _cost(banked, loops.program)
                )
                if best.banks > 1:
                    texts = [ir.StringAttr.get(partition_text(p), op.context) for p in best.partitions]
                    note(value, BANKS, ir.ArrayAttr.get(texts, op.context))
                    context.note(self.name, **{memory.name: " x ".join(partition_text(p) for p in best.partitions)})


def _candidates(memory: Memory, program: Program, limit: int) -> Iterator[Memory]:
    """``memory`` with every partition that may help; whole first."""
    choices = []
    most = max((len({op.indices for op in ops}) for _, ops in _bodies(memory, program)), default=1)
    for d, size in enumerate(memory.shape):
        found = [Partition()]
        if any(len({op.indices[d] for op in ops}) > 1 for _, ops in _bodies(memory, program)):
            factors = [n for n in range(2, min(most, size) + 1) if size % n == 0]
            found += [Partition(n, block) for n in factors for block in (False, True)]
        choices.append(found)
    for partitions in product(*choices):
        banked = replace(memory, partitions=partitions)
        if banked.banks <= limit and all(fits(banked, nest) for nest, _ in _bodies(memory, program)):
            yield banked


def _bodies(memory: Memory, program: Program) -> Iterator[tuple[Nest, list[Operation]]]:
    """The accesses of each nest to a memory."""
    for nest in program.nests:
        ops = [op for op in nest.operations if op.memory == memory.name]
        if ops:
            yield nest, ops


def _cost(memory: Memory, program: Program) -> tuple[int, int, int]:
    """Cycles by its ports, banks, and how many dimensions are in blocks."""
    cycles = 0
    for nest, _ in _bodies(memory, program):
        uses: Counter[tuple[int, str]] = Counter()
        split = split_for_banks(nest, {memory.name: memory})
        for op in split.operations:
            if op.memory == memory.name:
                uses.update((bank, op.kind) for bank in memory.banks_of(op.indices, split.sizes))
        cycles += max(uses.values()) * nest.iterations
    return cycles, memory.banks, sum(p.block for p in memory.partitions)
