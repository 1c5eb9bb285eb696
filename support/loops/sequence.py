"""When the nests of a program follow each other, and its frames."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.support.loops.modulo import ports_of
from stepwell.support.loops.nest import Memory, Nest, Operation, Program

_STREAMED = ("input", "output")


def gaps(program: Program) -> tuple[int, ...]:
    """Cycles between the end of each nest and the start of the next, of the next frame's first one for the last.

    A nest ends when another iteration of it could start. Its last iterations are still on their way then: nobody may
    overtake them at a memory, or use a port of one in the same cycle.
    """
    starts: list[int] = []
    found = []
    for number, nest in enumerate(program.nests):
        ready = starts[-1] + program.nests[number - 1].cycles if starts else 0
        safe = [
            start + _lag(program, before, nest, frames=False)
            for start, before in zip(starts, program.nests, strict=False)
        ]
        starts.append(max([ready, *safe]))
        found.append(starts[-1] - ready)
    end = starts[-1] + program.nests[-1].cycles
    period = max(
        [
            end,
            *(
                start + _lag(program, before, after, frames=True) - later
                for start, before in zip(starts, program.nests, strict=True)
                for later, after in zip(starts, program.nests, strict=True)
            ),
        ]
    )
    return (*found[1:], period - end)


def cycles(program: Program) -> int:
    """Cycles from the start of a frame to the start of the next at least."""
    return sum(nest.cycles for nest in program.nests) + sum(gaps(program))


def _lag(program: Program, before: Nest, after: Nest, *, frames: bool) -> int:
    """Cycles that ``after`` starts behind ``before`` at least; of ``frames``: ``after`` is part of the next frame."""
    memories = {memory.name: memory for memory in program.memories}
    last = (before.iterations - 1) * before.interval
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
