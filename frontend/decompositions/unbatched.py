"""Pooling of one image without a batch, as pooling of a batch of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten

_RANKS = {
    aten.adaptive_max_pool2d.default: 4,
    aten.max_pool2d_with_indices.default: 4,
    aten.max_pool3d_with_indices.default: 5,
}


def unbatched_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; batches are left to the table behind."""
    return {operator: _of_one(operator, rank) for operator, rank in _RANKS.items()}


def _of_one(operator: Any, rank: int) -> Callable[..., Any]:
    def pool(x: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if x.dim() == rank:
            return cast("tuple[Tensor, Tensor]", NotImplemented)
        values, places = operator(x.unsqueeze(0), *args, **kwargs)
        return values.squeeze(0), places.squeeze(0)

    return pool
