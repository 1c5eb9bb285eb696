"""Constant borders that cut where they are negative: upstream takes such a border for one that grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def padding_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; borders that only grow are left alone."""
    return {aten.constant_pad_nd.default: _pad}


def _pad(x: Tensor, pad: Sequence[int], value: Any = 0) -> Tensor:
    """``pad`` lists (before, after) from the last dimension on; a border is cut after the others have grown."""
    if all(not isinstance(size, int) or size >= 0 for size in pad):
        return cast("Tensor", NotImplemented)
    if any(size > 0 for size in pad):
        x = aten.constant_pad_nd.default(x, [max(size, 0) for size in pad], value)
    for number in range(len(pad) // 2):
        axis = x.dim() - 1 - number
        before, after = max(-pad[2 * number], 0), max(-pad[2 * number + 1], 0)
        if before or after:
            x = aten.slice.Tensor(x, axis, before, x.shape[axis] - after)
    return x.clone()
