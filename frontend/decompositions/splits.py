"""Splits into parts whose sizes are known only when the program runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def split_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; parts of static sizes are left alone."""
    return {aten.split_with_sizes.default: _parts, aten.unsafe_split_with_sizes.default: _parts}


def _parts(x: Tensor, sizes: Sequence[int], dim: int = 0) -> list[Tensor]:
    if all(isinstance(size, int) for size in sizes):
        return cast("list[Tensor]", NotImplemented)
    bounds = pairwise(accumulate(sizes, initial=0))
    return [aten.slice.Tensor(x, dim, start, end) for start, end in bounds]
