"""The nests of a function: innermost loops in their order, each with the loops around and what stands between these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch_mlir import ir

from stepwell.passes.hardware.loops.tools import LOOP, STORE, body_of

_SKIPPED = frozenset({"func.return", "memref.alloc", "memref.alloca", "memref.dealloc", "stream.return"})


@dataclass
class Level:
    """A loop (None for straight code), and the operations before and behind it that go with its nest."""

    loop: ir.Operation | None
    before: list[ir.Operation] = field(default_factory=list)
    after: list[ir.Operation] = field(default_factory=list)


Path = list[Level]
"""Levels of a nest: loops that it shares with others, and its own outermost one."""


def paths_of(root: ir.Operation) -> list[Path]:
    """The nests of a function, or of a ``stream.loops``, in the order in which they run."""
    skipped = [view.operation for view in root.regions[0].blocks[0].operations]
    ops = [op for op in skipped if op.name not in _SKIPPED and not op.name.startswith("memref.")]
    found = _paths(ops)
    if not found and any(op.name == STORE for op in ops):
        return [[Level(None, ops)]]
    return found


def _paths(ops: Sequence[ir.Operation]) -> list[Path]:
    found: list[Path] = []
    between: list[ir.Operation] = []
    for op in ops:
        if op.name != LOOP:
            between.append(op)
            continue
        before = between
        if found:  # up to the last store it belongs to the loop before
            stores = [n for n, other in enumerate(between) if other.name == STORE]
            cut = stores[-1] + 1 if stores else 0
            found[-1][0].after.extend(between[:cut])
            before = between[cut:]
        inside = _paths(body_of(op))
        paths = [[Level(op), *path] for path in inside] if len(inside) > 1 else [[Level(op)]]
        paths[0][0].before.extend(before)
        found += paths
        between = []
    if found:
        found[-1][0].after.extend(between)
    return found
