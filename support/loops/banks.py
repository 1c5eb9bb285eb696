"""Loops in parts, so that the bank of every access is affine in them."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from stepwell.support.loops.affine import Affine
from stepwell.support.loops.nest import Memory, Nest, Operation


def split_for_banks(nest: Nest, memories: dict[str, Memory]) -> Nest:
    """``nest`` with each loop cut in two whose index goes from bank to bank of a cyclic partition.

    ``m[i]`` with 4 banks becomes ``m[4 * i0 + i1]``: ``i1`` is the bank, ``i0`` the address there. The iterations stay
    in their order.
    """
    while (cut := _next_cut(nest, memories)) is not None:
        nest = _split(nest, *cut)
    return nest


def fits(memory: Memory, nest: Nest) -> bool:
    """Whether the bank of each access to ``memory`` is affine in ``nest``, or in its loops cut in two."""
    split = split_for_banks(nest, {memory.name: memory})
    accesses = [op for op in split.operations if op.memory == memory.name]
    return all(memory.place(op.indices, split.sizes) is not None for op in accesses)


def _next_cut(nest: Nest, memories: dict[str, Memory]) -> tuple[int, int] | None:
    """A loop to cut, and the iterations of its inner part."""
    for op in nest.operations:
        for index, p in zip(op.indices, memories[op.memory].partitions if op.memory in memories else (), strict=False):
            if p.block or index.divided(p.factor, nest.sizes) is not None:
                continue
            cut = cut_for(index, p.factor, nest.sizes)
            if cut is not None:
                return cut
    return None


def cut_for(index: Affine, by: int, sizes: tuple[int, ...]) -> tuple[int, int] | None:
    """A loop to cut so that ``index`` can be divided by ``by``, and the iterations of its inner part."""
    for level, (c, size) in enumerate(zip(index.coefficients, sizes, strict=False)):
        inner = by // gcd(abs(c), by)
        if inner > 1 and size > inner and size % inner == 0:
            return level, inner
    return None


def _split(nest: Nest, level: int, inner: int) -> Nest:
    sizes = (*nest.sizes[:level], nest.sizes[level] // inner, inner, *nest.sizes[level + 1 :])
    rounds = tuple(replace(r, levels=r.levels + 1) if r.levels > level else r for r in nest.rounds)
    operations = tuple(_deepened(op, level, inner) for op in nest.operations)
    trips = [tuple(trip.deepened(level, inner) for trip in found) for found in nest.trips]
    if trips:
        trips[level : level + 1] = [(), ()]  # two loops together can't stop in the middle of the inner one
    return replace(nest, sizes=sizes, operations=operations, rounds=rounds, trips=tuple(trips) if any(trips) else ())


def _deepened(op: Operation, level: int, inner: int) -> Operation:
    indices, guards = (tuple(index.deepened(level, inner) for index in found) for found in (op.indices, op.guards))
    when = op.when
    if when is not None and when.level > level:
        when = replace(when, level=when.level + 1)
    return replace(op, indices=indices, guards=guards, when=when)
