"""Adaptive pooling where windows are not all of one size, which upstream refuses when the program runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def uneven_window_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; windows of one size are left to the table behind."""
    return {aten.adaptive_max_pool2d.default: _largest}


def _largest(x: Tensor, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The largest of each window and where it is in the image: all windows are cut out side by side."""
    image = x.shape[-2:]
    known = all(isinstance(length, int) and length > 0 for length in (*image, *sizes))
    if x.dim() != 4 or not known or all(length % size == 0 for length, size in zip(image, sizes, strict=True)):
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    rows, columns = (_places(length, size, x) for length, size in zip(image, sizes, strict=True))
    cut = x.index_select(2, rows.reshape(-1)).index_select(3, columns.reshape(-1))
    windows = cut.reshape(*x.shape[:2], *rows.shape, *columns.shape).transpose(3, 4).flatten(4)
    values, inside = windows.max(-1)
    places = (rows * image[1])[:, None, :, None] + columns[None, :, None, :]
    found = places.flatten(2).expand(*values.shape, -1).gather(-1, inside.unsqueeze(-1)).squeeze(-1)
    return values, found


def _places(length: int, size: int, x: Tensor) -> Tensor:
    """[windows, elements of the longest]: a shorter window has its last element again."""
    longest = max(-(-(window + 1) * length // size) - window * length // size for window in range(size))
    number = torch.arange(size, device=x.device)
    start = torch.div(number * length, size, rounding_mode="floor")
    last = torch.div((number + 1) * length - 1, size, rounding_mode="floor")
    return torch.minimum(start[:, None] + torch.arange(longest, device=x.device), last[:, None])
