"""fuse-nests: a nest that prepares or finishes the elements of another one moves into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import functions
from stepwell.passes.hardware.loops.tools import (
    LOOP,
    accesses,
    axes_of,
    body_of,
    chain,
    induction,
    memory_of,
    place_of,
    same_trips,
    written_in,
)  # fmt: skip

Depths = tuple[tuple[frozenset[tuple[int, int]], int], ...]
"""The place of an access with depths of loops instead of their variables."""


@dataclass
class FuseNests(Pass):
    """A perfect nest whose loops are the outer loops of another one moves to where the loops inside these begin or end.

    Done where every iteration only touches its own element of what they share, so that the order of all accesses to
    an element stays.
    """

    name: ClassVar[str] = "fuse-nests"
    summary: ClassVar[str] = "nests that prepare or finish the elements of another move into it"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        fused = 0
        for function in functions(op):
            _define_first(function.operation)
            while _fuse_one(function.operation):
                fused += 1
        context.note(self.name, fused=fused)


def _define_first(function: ir.Operation) -> None:
    """Memories and constants before all nests, so that these can move."""
    block = function.regions[0].blocks[0]
    for view in reversed(list(block.operations)):
        op = view.operation
        if op.name in ("memref.alloc", "memref.alloca", "arith.constant") and not op.operands:
            op.move_before(next(iter(block.operations)).operation)


def _fuse_one(function: ir.Operation) -> bool:
    """Fuse two nests if some can be."""
    steps = [view.operation for view in function.regions[0].blocks[0].operations if accesses(view.operation)]
    for number, second in enumerate(steps):
        for before in reversed(range(number)):
            first = steps[before]
            if first.name == second.name == LOOP and _fuse(first, second, steps[before + 1 : number]):
                return True
            if _touch(first, second):
                break  # nothing from further above may pass
    return False


def _fuse(first: ir.Operation, second: ir.Operation, between: list[ir.Operation]) -> bool:
    """Two nests of which one is to be part of the other; ``between`` stands what the first one must pass."""
    if any(_touch(first, other) for other in between):
        return False
    above, below = chain(first), chain(second)
    for whole, other, at_end in ((above, below, False), (below, above, True)):
        if not _is_perfect(whole) or len(whole) > len(other):
            continue
        host = other[: len(whole)]
        alike = all(map(same_trips, whole, host)) and not any(loop.results for loop in (*whole, *host))
        if alike and _keeps_order(first, second, above[: len(whole)], below[: len(whole)]):
            _move(whole, host, at_end=at_end)
            return True
    return False


def _is_perfect(loops: list[ir.Operation]) -> bool:
    """Only loops in loops, and no loop in the innermost."""
    return all(len(body_of(loop)) == 1 for loop in loops[:-1]) and not any(op.regions for op in body_of(loops[-1]))


def _touch(first: ir.Operation, second: ir.Operation) -> bool:
    """Whether two nests access a memory that one of them writes to."""
    one, other = ({memory_of(access) for access in accesses(nest)} for nest in (first, second))
    return bool(one & other & (written_in([first]) | written_in([second])))


def _keeps_order(
    first: ir.Operation, second: ir.Operation, above: list[ir.Operation], below: list[ir.Operation]
) -> bool:
    """Whether iterations of the fused loops meet nothing of each other, and compete for no port."""
    written = written_in([first, second])
    one, other = accesses(first), accesses(second)
    for memory in {memory_of(access) for access in one} & {memory_of(access) for access in other}:
        places = {_place(access, above) for access in one if memory_of(access) == memory}
        places |= {_place(access, below) for access in other if memory_of(access) == memory}
        if len(places) != 1 or None in places:
            return False
        both = [access for access in (*one, *other) if memory_of(access) == memory]
        if memory in written and not all(
            any(axes_of(access, induction(loop)) == (1, True) for loop in (a, b))
            for access in both
            for a, b in zip(above, below, strict=True)
        ):
            return False
    return True


def _place(access: ir.Operation, loops: list[ir.Operation]) -> Depths | None:
    """An access by the depths of the loops in its indices; None where others are in them."""
    depths = {induction(loop): depth for depth, loop in enumerate(loops)}
    place = place_of(access)
    if place is None or any(value not in depths for values, _ in place for value, _ in values):
        return None
    return tuple((frozenset((depths[value], c) for value, c in values), constant) for values, constant in place)


def _move(whole: list[ir.Operation], host: list[ir.Operation], *, at_end: bool) -> None:
    """The body of ``whole`` into that of ``host``'s innermost."""
    for old, new in zip(whole, host, strict=True):
        induction(old).replace_all_uses_with(induction(new))
    anchor = list(host[-1].regions[0].blocks[0].operations)[-1 if at_end else 0]
    for op in body_of(whole[-1]):
        op.move_before(anchor)
    whole[0].erase()
