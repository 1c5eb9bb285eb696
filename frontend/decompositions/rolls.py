"""Rolling by more than a size, and of all elements in a row; upstream's slices are right up to the size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


def roll_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {aten.roll.default: _roll}


def _roll(x: Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> Tensor:
    if x.dim() == 0:
        return x.clone()
    if not dims:
        return torch.roll(x.reshape(-1), shifts, [0]).reshape(x.shape)
    lengths: list[int] = [x.shape[axis] for axis in dims]
    if all(map(_within, shifts, lengths)):
        return cast("Tensor", NotImplemented)
    result = x
    for shift, axis, length in zip(shifts, dims, lengths, strict=True):
        if _within(shift, length):
            result = torch.roll(result, shift, axis)
        elif isinstance(length, torch.SymInt):
            places = torch.remainder(torch.arange(length, device=x.device) - shift, length)
            result = torch.index_select(result, axis, places)
        else:
            result = torch.roll(result, shift % max(length, 1), axis)
    return result


def _within(shift: int, length: int) -> bool:
    return abs(shift) <= (1 if isinstance(length, torch.SymInt) else length)
