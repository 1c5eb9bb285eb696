"""Elements at several index tensors where sizes vary: upstream can't tell whether the tensors broadcast."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

aten = torch.ops.aten


def take_at(x: Tensor, indices: list[Tensor | None]) -> Tensor:
    """``x[i, j, ...]`` by one index into the indexed axes as one; places outside stay outside."""
    axes = [axis for axis, index in enumerate(indices) if index is not None]
    tensors = [index for index in indices if index is not None]
    adjacent = axes == [*range(axes[0], axes[0] + len(axes))]
    integers = all(index.dtype in (torch.int32, torch.int64) for index in tensors)
    varies = any(not isinstance(size, int) for index in tensors for size in index.shape)
    if len(axes) < 2 or not (adjacent and integers and varies):
        return cast("Tensor", NotImplemented)
    place: Tensor | None = None
    inside: Tensor | None = None
    for axis, index in zip(axes, aten.broadcast_tensors.default(tensors), strict=True):
        size = x.shape[axis]
        from_start = torch.where(index < 0, index + size, index)
        is_inside = (from_start >= 0) & (from_start < size)
        place = from_start if place is None else place * size + from_start
        inside = is_inside if inside is None else inside & is_inside
    assert place is not None and inside is not None
    flat = x.flatten(axes[0], axes[-1])
    place = torch.where(inside, place, flat.shape[axes[0]])
    result: Tensor = aten.index.Tensor(flat, [*[None] * axes[0], place])
    return result
