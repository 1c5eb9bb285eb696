"""Copies of memories: each has a port to read from, and what is stored goes to all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from stepwell.support.loops.dependences import edges
from stepwell.support.loops.modulo import port_uses, recurrence_bound
from stepwell.support.loops.nest import Memory, Nest, Operation


def assign(nest: Nest, memories: dict[str, Memory]) -> Nest:
    """``nest`` with a copy for each load: the one that is read least where it reads."""
    uses: Counter[tuple[str, int, int]] = Counter()
    operations: list[Operation] = []
    for op in nest.operations:
        if op.kind == "load" and memories[op.memory].copies > 1:
            memory = memories[op.memory]
            banks = memory.banks_of(op.indices, nest.sizes)

            def reads(copy: int, name: str = op.memory, banks: list[int] = banks) -> int:
                return max(uses[name, bank, copy] for bank in banks)

            copy = min(range(memory.copies), key=reads)
            uses.update((op.memory, bank, copy) for bank in banks)
            op = replace(op, copy=copy)
        operations.append(op)
    return replace(nest, operations=tuple(operations))


def needed(nest: Nest, memories: dict[str, Memory]) -> dict[str, int]:
    """For each memory that is read so many copies that reading keeps no iteration waiting; ``memories`` have none."""
    uses = port_uses(nest, memories)
    writes = max((count for (_, _, kind, _), count in uses.items() if kind == "store"), default=1)
    interval = max(writes, recurrence_bound(nest, edges(nest, memories))[0])
    found: dict[str, int] = {}
    for (memory, _, kind, _), count in uses.items():
        if kind == "load":
            found[memory] = max(found.get(memory, 1), -(-count // interval))
    return found
