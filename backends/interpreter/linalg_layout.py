"""linalg.pack and linalg.unpack."""

from __future__ import annotations

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
        tiles = list(target.shape[source.ndim :])
        full, split = _blocked_shape(list(source.shape), positions, tiles)
        padded = source
        if full != list(source.shape):
            padded = poisoned(tuple(full), source.dtype)
            if padding[1] > padding[0]:
                padded[...] = values[padding[0]]
            padded[tuple(slice(0, size) for size in source.shape)] = source
        packed = padded.reshape(split).transpose(order)
        if packed.shape != target.shape:
            raise ExecutionError(f"'linalg.pack' makes the shape {list(packed.shape)}, not {list(target.shape)}")
        return _result(packed, target, results)

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


def _result(values: Array, target: Array, results: bool) -> Array | None:
    if results:
        return np.array(values, order="C")
    target[...] = values
    return None
