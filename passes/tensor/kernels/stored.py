"""How the result of a product lies in memory once what only moves or narrows it has stored it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.tensor.attention.cone import RESHAPES, groups_of
from stepwell.passes.tensor.kernels.extents import ONE, Extent, product, sizes_of
from stepwell.passes.tensor.structured import input_count, loops_of

_Parts: TypeAlias = "list[list[tuple[int, Extent]]]"
"""For each axis the dimensions of the product that it consists of, with their sizes."""

_MOVES = (["arith.truncf", "linalg.yield"], ["linalg.yield"])


def ending_of(op: ir.Operation) -> list[ir.Operation]:
    """What only moves or narrows the result of ``op``: the operations behind it up to the last one that stores it."""
    found: list[ir.Operation] = []
    last = op
    while True:
        uses = list(last.results[0].uses)
        if len(uses) != 1 or uses[0].owner.operation.block != op.block:
            break
        user = uses[0].owner.operation
        if user.name not in RESHAPES and not _is_move(user):
            break
        found.append(user)
        last = user
    while found and found[-1].name in RESHAPES:
        found.pop()
    return found


def strides_of(op: ir.Operation, axes: Sequence[int], ending: Sequence[ir.Operation]) -> dict[int, Extent] | None:
    """The stride of each dimension of the product ``op`` in what the last operation of ``ending`` stores.

    Args:
        axes: the dimensions that index the result.
    """
    places: _Parts = [[(dim, size)] for dim, size in zip(axes, sizes_of(op.results[0]), strict=True)]
    for step in ending:
        moved = _regrouped(step, places) if step.name in RESHAPES else _permuted(step, places)
        if moved is None:
            return None
        places = moved
    strides: dict[int, Extent] = {}
    stored = ONE
    for dim, size in reversed([part for group in places for part in group]):
        strides[dim] = stored
        stored = stored * size
    return strides


def _is_move(op: ir.Operation) -> bool:
    if op.name != "linalg.generic" or input_count(op) != 1 or len(op.results) != 1:
        return False
    names = [view.operation.name for view in op.regions[0].blocks[0].operations]
    return names in _MOVES and all(loop.parallel for loop in loops_of(op))


def _permuted(op: ir.Operation, places: _Parts) -> _Parts | None:
    """The dimensions that each axis consists of behind a permutation; None where ``op`` is something else."""
    into, out = (ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op))
    dims = [ir.AffineDimExpr(e).position for e in into.results if isinstance(e, ir.AffineDimExpr)]
    if not len(dims) == len(into.results) == out.n_dims or out != ir.AffineMap.get_identity(out.n_dims):
        return None
    return [places[dims.index(axis)] for axis in range(out.n_dims)]


def _regrouped(op: ir.Operation, places: _Parts) -> _Parts | None:
    """The dimensions that each axis consists of behind a reshape; None where one is cut."""
    groups = groups_of(op)
    if op.name == "tensor.collapse_shape":
        return [[part for axis in group for part in places[axis]] for group in groups]
    sizes = sizes_of(op.results[0])
    made: _Parts = []
    for number, group in enumerate(groups):
        parts = [part for part in places[number] if part[1] != ONE]
        long = [axis for axis in group if sizes[axis] != ONE]
        if len(long) == 1:
            taken = {long[0]: parts}
        else:
            found = _dealt(parts, [sizes[axis] for axis in long])
            if found is None:
                return None
            taken = dict(zip(long, found, strict=True))
        made += [taken.get(axis, []) for axis in group]
    return made


def _dealt(parts: Sequence[tuple[int, Extent]], sizes: Sequence[Extent]) -> _Parts | None:
    """Which of ``parts``, in order, make up axes of ``sizes``; None where no axis begins with a part."""
    rest = list(parts)
    made: _Parts = []
    for size in sizes:
        taken: list[tuple[int, Extent]] = []
        while rest and product(part for _, part in taken) != size:
            taken.append(rest.pop(0))
        if product(part for _, part in taken) != size:
            return None
        made.append(taken)
    return None if rest else made
