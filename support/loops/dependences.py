"""Which operation of an iteration waits for which one, of the same or an earlier iteration."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from stepwell.support.loops.nest import Memory, Nest, Operation, When, latency
from stepwell.support.loops.trips import ENUMERATED, Array, ends, runs, values


@dataclass(frozen=True)
class Edge:
    """``target`` starts ``delay`` cycles after ``source`` of ``distance`` iterations before, or later."""

    source: int
    target: int
    delay: int
    distance: int


def edges(nest: Nest, memories: dict[str, Memory]) -> list[Edge]:
    """All of them: through values, through what is carried, through memory."""
    found = []
    for number, op in enumerate(nest.operations):
        if op.kind == "carry":
            start, following = op.operands
            found.append(Edge(start, number, latency(nest, nest.operations[start]), 0))
            found.append(Edge(following, number, latency(nest, nest.operations[following]), 1))
        else:
            found += [Edge(value, number, latency(nest, nest.operations[value]), 0) for value in op.operands]
    accesses = [number for number, op in enumerate(nest.operations) if op.memory]
    for first in accesses:
        for second in accesses:
            one, other = nest.operations[first], nest.operations[second]
            if one.memory == other.memory and "store" in (one.kind, other.kind):
                found += _through_memory(nest, memories[one.memory], first, second)
    return found


def _through_memory(nest: Nest, memory: Memory, first: int, second: int) -> list[Edge]:
    """``second`` after ``first`` at one address: in the same iteration if it stands behind it, else in a later one."""
    one, other = nest.operations[first], nest.operations[second]
    distance = _distance(nest, memory, one, other, at_once=first < second)
    if distance is None:
        return []
    # A word can be read in the cycle after it was written, and is read before it is written in the same cycle.
    return [Edge(first, second, 0 if one.kind == "load" else 1, distance)]


def _distance(nest: Nest, memory: Memory, one: Operation, other: Operation, *, at_once: bool) -> int | None:
    """Fewest iterations from ``one`` to an ``other`` at the same address; None where there is none."""
    sizes = nest.sizes
    if set(memory.banks_of(one.indices, sizes)).isdisjoint(memory.banks_of(other.indices, sizes)):
        return None
    if nest.iterations > ENUMERATED:  # as of neighbours
        return 0 if at_once else 1
    times_one, addresses_one = _events(nest, memory, one)
    times_other, addresses_other = _events(nest, memory, other)
    # Keys in the order of addresses, then times: the last event of `one` before an event of `other` is its neighbour.
    length = nest.iterations + 1
    if not times_one.size:
        return None
    keys = np.sort(addresses_one * length + times_one)
    wanted = addresses_other * length + times_other
    before = np.searchsorted(keys, wanted, side="right" if at_once else "left") - 1
    found = keys[np.maximum(before, 0)]
    same = (before >= 0) & (found // length == addresses_other)
    return int((wanted - found)[same].min()) if same.any() else None


def _events(nest: Nest, memory: Memory, op: Operation) -> tuple[Array, Array]:
    """In which iterations, counted as they run, ``op`` happens, and its addresses there."""
    sizes = nest.sizes
    strides = [prod(memory.shape[d + 1 :]) for d in range(len(memory.shape))]
    address = np.zeros(sizes, np.int64)
    for stride, index in zip(strides, op.indices, strict=True):
        address += stride * values(index, sizes)
    happens = runs(sizes, nest.trips)
    times = np.cumsum(happens).reshape(sizes) - 1
    for guard in op.guards:
        happens &= values(guard, sizes) >= 0
    if op.kind == "store" and op.when is not None:
        happens &= _holds(op.when, nest)
    return times[happens], address[happens]


def _holds(when: When, nest: Nest) -> Array:
    """In which iterations a condition holds."""
    found = np.ones(nest.sizes, bool)
    for level in range(when.level, len(nest.sizes)):
        shape = [-1 if level == other else 1 for other in range(len(nest.sizes))]
        place = np.arange(nest.sizes[level]).reshape(shape)
        found &= place == (0 if when.end == "first" else ends(nest.sizes, nest.trips, level))
    return found
