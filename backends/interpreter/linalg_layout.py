"""linalg.pack and linalg.unpack."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array, poisoned
from stepwell.backends.interpreter.operands import integers, segments
from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.support.errors import ExecutionError


def _outer_order(op: ir.Operation, rank: int) -> list[int]:
    order = integers(op.attributes["outer_dims_perm"]) if "outer_dims_perm" in op.attributes else []
    return order or list(range(rank))


def _packed_order(rank: int, positions: list[int], outer: list[int]) -> list[int]:
    """Axes of the packed array among the source's axes (each tiled one followed by its tile)."""
    axis_of = {}
    axis = 0
    for dim in range(rank):
        axis_of[dim] = axis
        axis += 2 if dim in positions else 1
    return [axis_of[dim] for dim in outer] + [axis_of[dim] + 1 for dim in positions]


def _blocked_shape(sizes: list[int], positions: list[int], tiles: list[int]) -> tuple[list[int], list[int]]:
    """Sizes rounded up to whole tiles, and the same with the tiles split off."""
    full, split = [], []
    for dim, size in enumerate(sizes):
        tile = tiles[positions.index(dim)] if dim in positions else 1
        outer = -(-size // tile)
        full.append(outer * tile)
        split.extend([outer, tile] if dim in positions else [outer])
    return full, split


@kernel("linalg.pack")
def _pack(op: ir.Operation) -> Kernel:
    positions = integers(op.attributes["inner_dims_pos"])
    padding = segments(op)[2]
    results = len(op.results) > 0

    def pack(*values: Any) -> Array | None:
        source, target = values[0], values[1]
        order = _packed_order(source.ndim, positions, _outer_order(op, source.ndim))
        tiles = dict(zip(positions, target.shape[source.ndim :], strict=True))
        _, split = _blocked_shape(list(source.shape), positions, list(tiles.values()))
        shape = tuple(split[axis] for axis in order)
        if shape != target.shape:
            raise ExecutionError(f"'linalg.pack' makes the shape {list(shape)}, not {list(target.shape)}")
        packed = np.empty(shape, source.dtype) if results else target
        filler = values[padding[0]] if padding[1] > padding[0] else poisoned((), source.dtype)
        _spread(source, tiles, packed.transpose(np.argsort(order)), filler)
        return packed if results else None

    return pack


@kernel("linalg.unpack")
def _unpack(op: ir.Operation) -> Kernel:
    positions = integers(op.attributes["inner_dims_pos"])
    results = len(op.results) > 0

    def unpack(*values: Any) -> Array | None:
        source, target = values[0], values[1]
        order = _packed_order(target.ndim, positions, _outer_order(op, target.ndim))
        full, split = _blocked_shape(list(target.shape), positions, list(source.shape[target.ndim :]))
        spread = source.transpose(np.argsort(order))
        if list(spread.shape) != split:
            raise ExecutionError(f"'linalg.unpack' of the shape {list(source.shape)} to {list(target.shape)}")
        whole = spread.reshape(full)[tuple(slice(0, size) for size in target.shape)]
        return _result(whole, target, results)

    return unpack


def _spread(source: Array, tiles: dict[int, int], target: Array, filler: Any) -> None:
    """Copy ``source`` to ``target``, where each tiled dimension is two: the tiles, and the places in a tile."""
    parts = [_parts(size, tiles.get(dim)) for dim, size in enumerate(source.shape)]
    for box in itertools.product(*parts):
        block = source[tuple(part.source for part in box)]
        place = tuple(itertools.chain.from_iterable(part.target for part in box))
        target[place] = block.reshape(target[place].shape)
    axis = 0
    for dim, size in enumerate(source.shape):
        rest = size % tiles.get(dim, 1)
        if rest:
            target[(*[slice(None)] * axis, slice(-1, None), slice(rest, None))] = filler
        axis += 2 if dim in tiles else 1


@dataclass(frozen=True)
class _Part:
    """A part of a dimension, and where it goes."""

    source: slice
    target: tuple[slice, ...]


def _parts(size: int, tile: int | None) -> list[_Part]:
    """The whole tiles of a dimension, and what is left."""
    if tile is None:
        return [_Part(slice(None), (slice(None),))]
    whole = size // tile
    parts = [_Part(slice(0, whole * tile), (slice(0, whole), slice(None)))]
    if size % tile:
        parts.append(_Part(slice(whole * tile, size), (slice(whole, whole + 1), slice(0, size % tile))))
    return parts


def _result(values: Array, target: Array, results: bool) -> Array | None:
    if results:
        return np.array(values, order="C")
    target[...] = values
    return None
