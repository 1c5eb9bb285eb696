"""In which order the nests of a program have their turns: those in the body of one loop after each other, again and
again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from math import prod

from stepwell.support.loops.nest import Nest


def turns(nests: Sequence[Nest], most: int | None = None) -> Iterator[int]:
    """Numbers of nests in the order in which they run; of each loop around several ``most`` iterations."""
    return _turns(nests, range(len(nests)), 0, most)


def begin_of(nests: Sequence[Nest], number: int, depth: int) -> int:
    """The first nest in the loop around nest ``number`` that is ``depth`` rounds deep."""
    alike = takewhile(lambda n: _loop(nests[n], depth) == _loop(nests[number], depth), reversed(range(number + 1)))
    return min(alike)


def ends(nests: Sequence[Nest], number: int, depth: int) -> bool:
    """Whether nest ``number`` is the last one in the loop around it that is ``depth`` rounds deep."""
    return number + 1 == len(nests) or _loop(nests[number + 1], depth) != _loop(nests[number], depth)


def _turns(nests: Sequence[Nest], those: range, depth: int, most: int | None) -> Iterator[int]:
    number = those.start
    while number < those.stop:
        nest = nests[number]
        if len(nest.rounds) == depth:
            yield number
            number += 1
            continue
        end = next(n for n in those if n >= number and ends(nests, n, depth)) + 1
        outer = nest.rounds[depth - 1].levels if depth else 0
        times = prod(nest.sizes[outer : nest.rounds[depth].levels])
        for _ in range(times if most is None else min(times, most)):
            yield from _turns(nests, range(number, end), depth + 1, most)
        number = end


def _loop(nest: Nest, depth: int) -> int | None:
    return nest.rounds[depth].loop if depth < len(nest.rounds) else None
