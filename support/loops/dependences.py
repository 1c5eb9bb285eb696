"""Which operation of an iteration waits for which one, of the same or an earlier iteration."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from stepwell.support.loops.affine import Affine
from stepwell.support.loops.nest import Memory, Nest, Operation, When, latency

Array = np.ndarray[Any, np.dtype[Any]]
_ENUMERATED = 1 << 22
"""Nests with more iterations than this are not enumerated: dependences through memory then count as of neighbours."""


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
    if nest.iterations > _ENUMERATED:
        return 0 if at_once else 1
    times_one, addresses_one = _events(sizes, memory, one)
    times_other, addresses_other = _events(sizes, memory, other)
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


def _events(sizes: tuple[int, ...], memory: Memory, op: Operation) -> tuple[Array, Array]:
    """In which iterations ``op`` happens, and its addresses there."""
    strides = [prod(memory.shape[d + 1 :]) for d in range(len(memory.shape))]
    address = np.zeros(sizes, np.int64)
    for stride, index in zip(strides, op.indices, strict=True):
        address += stride * _values(index, sizes)
    times = np.arange(prod(sizes)).reshape(sizes)
    happens = np.ones(sizes, bool)
    for guard in op.guards:
        happens &= _values(guard, sizes) >= 0
    if op.kind == "store" and op.when is not None:
        chosen = _iterations(op.when, sizes)
        times, address, happens = times[chosen], address[chosen], happens[chosen]
    return times[happens], address[happens]


def _values(index: Affine, sizes: tuple[int, ...]) -> Array:
    total = np.full(sizes, index.constant, np.int64)
    for level, coefficient in enumerate(index.coefficients):
        shape = [-1 if level == other else 1 for other in range(len(sizes))]
        total += coefficient * np.arange(sizes[level]).reshape(shape)
    return total


def _iterations(when: When, sizes: tuple[int, ...]) -> tuple[Any, ...]:
    ends = [0 if when.end == "first" else size - 1 for size in sizes[when.level :]]
    return (*[slice(None)] * when.level, *ends)
