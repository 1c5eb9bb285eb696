"""When the nests of a program follow each other, and its frames."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.support.loops.modulo import ports_of
from stepwell.support.loops.nest import Memory, Nest, Operation, Program
from stepwell.support.loops.rounds import turns

_STREAMED = ("input", "output")


def gaps(program: Program) -> tuple[int, ...]:
    """Cycles between the end of each nest and the start of whichever follows, also of the next frame's first one.

    A nest ends when another iteration of it could start. Its last iterations are still on their way then: nobody may
    overtake them at a memory, or use a port of one in the same cycle. Of a loop around nests two iterations tell: later
    ones are further apart.
    """
    nests = program.nests
    order = list(turns(nests, most=2))
    found = [0] * len(nests)
    lags = {
        (one, other, frames): _lag(program, nests[one], nests[other], frames=frames)
        for one in range(len(nests))
        for other in range(len(nests))
        for frames in (False, True)
    }
    while True:  # what one turn of a nest waits for, all do; so the others move
        starts, end = _starts(program, order, found)
        late = [
            (order[n - 1], start + lags[before, nest, False] - starts[n])
            for n, nest in enumerate(order)
            for start, before in zip(starts[:n], order, strict=False)
        ]
        late += [
            (order[-1], start + lags[one, other, True] - later - end)
            for start, one in zip(starts, order, strict=True)
            for later, other in zip(starts, order, strict=True)
        ]
        waiting = next(((nest, cycles) for nest, cycles in late if cycles > 0), None)
        if waiting is None:
            return tuple(found)
        found[waiting[0]] += waiting[1]


def _starts(program: Program, order: list[int], gaps: list[int]) -> tuple[list[int], int]:
    """When each turn starts, and when the last one is over."""
    starts, now = [], 0
    for nest in order:
        starts.append(now)
        now += program.nests[nest].at_once * program.nests[nest].interval + gaps[nest]
    return starts, now


def cycles(program: Program) -> int:
    """Cycles from the start of a frame to the start of the next at least."""
    pairs = zip(program.nests, gaps(program), strict=True)
    return sum(nest.cycles + gap * (nest.iterations // nest.at_once) for nest, gap in pairs)


def _lag(program: Program, before: Nest, after: Nest, *, frames: bool) -> int:
    """Cycles that ``after`` starts behind ``before`` at least; of ``frames``: ``after`` is part of the next frame."""
    memories = {memory.name: memory for memory in program.memories}
    last = (before.at_once - 1) * before.interval
    lags = [last + one.cycle + 1 - other.cycle for one, other in _conflicts(before, after, memories, frames=frames)]
    return max(lags, default=0)


def _conflicts(
    before: Nest, after: Nest, memories: dict[str, Memory], *, frames: bool
) -> Iterator[tuple[Operation, Operation]]:
    """Accesses that must keep their order."""
    for one in before.operations:
        for other in after.operations:
            if not one.memory or one.memory != other.memory:
                continue
            # Halves of a streamed memory alternate between frames.
            apart = frames and memories[one.memory].role in _STREAMED
            data = not apart and "store" in (one.kind, other.kind)
            shared = set(ports_of(one, before, memories)).intersection(ports_of(other, after, memories))
            if data or (shared and one is not other):
                yield one, other
